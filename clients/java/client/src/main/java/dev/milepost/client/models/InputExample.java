package dev.milepost.client.models;

import dev.milepost.client.values.Json;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A small batch that a model answers: a server asks it before it serves the model. Bytes are stored as base64, times as
 * ISO 8601, NaN as null; the signature says which texts are what.
 */
public final class InputExample {
    private static final Set<Class<?>> TIMES =
            Set.of(Instant.class, LocalDate.class, LocalDateTime.class, OffsetDateTime.class);

    private final Map<String, Object> info;
    private final Object content;
    private final Map<String, Object> request;
    private final Optional<Map<String, Object>> params;

    private InputExample(
            Map<String, Object> info, Object content, Map<String, Object> request, Map<String, Object> params) {
        this.info = info;
        this.content = content;
        this.request = request;
        this.params = Optional.ofNullable(params);
    }

    /**
     * {@return rows of a table}
     *
     * @param columns names, as in the signature
     * @param rows values in the order of the columns: numbers, booleans, texts, {@code byte[]}, times of
     *     {@code java.time} without a region, null, or lists and mappings of them
     * @throws IllegalArgumentException when a row has another number of values, or a value is of another kind
     */
    public static InputExample table(List<String> columns, List<? extends List<?>> rows) {
        List<Object> stored = new ArrayList<>();
        for (List<?> row : rows) {
            if (row.size() != columns.size()) {
                throw new IllegalArgumentException(
                        "A row has " + row.size() + " values for " + columns.size() + " columns.");
            }
            stored.add(stored(row));
        }
        Map<String, Object> split = new LinkedHashMap<>();
        split.put("columns", List.copyOf(columns));
        split.put("data", stored);
        return new InputExample(
                Map.of("type", "dataframe", "pandas_orient", "split"), split, Map.of("dataframe_split", split), null);
    }

    /**
     * {@return an array}
     *
     * @param array of Java, or nested lists, of numbers, booleans or texts
     * @throws IllegalArgumentException when it holds something else
     */
    public static InputExample tensor(Object array) {
        Object content = stored(array);
        return new InputExample(Map.of("type", "ndarray"), content, Map.of("inputs", content), null);
    }

    /**
     * {@return arrays by name}
     *
     * @param arrays each as of {@link #tensor}
     * @throws IllegalArgumentException when one holds something else
     */
    public static InputExample tensors(Map<String, ?> arrays) {
        return tensor(arrays);
    }

    /**
     * {@return data that are neither a table nor arrays}
     *
     * @param value a value of JSON
     * @throws IllegalArgumentException when it is none
     */
    public static InputExample json(Object value) {
        Object content = stored(value);
        return new InputExample(Map.of("type", "json_object"), content, Map.of("inputs", content), null);
    }

    /**
     * {@return the same with params of the call}
     *
     * @param values by name, as of {@link #table}
     * @throws IllegalArgumentException when a value is of another kind
     */
    public InputExample withParams(Map<String, ?> values) {
        return new InputExample(info, content, request, Fields.mapping(stored(values), "params"));
    }

    /** The entry of the descriptor. */
    Map<String, Object> info() {
        Map<String, Object> entry = new LinkedHashMap<>(info);
        entry.put("artifact_path", ModelPaths.EXAMPLE);
        entry.put("serving_input_path", ModelPaths.SERVING_EXAMPLE);
        params.ifPresent(given -> entry.put("params", "true"));
        return entry;
    }

    String example() {
        if (params.isEmpty()) {
            return Json.write(content);
        }
        Map<String, Object> both = new LinkedHashMap<>();
        both.put("inputs", content);
        both.put("params", params.get());
        return Json.write(both);
    }

    String servingExample() {
        Map<String, Object> whole = new LinkedHashMap<>(request);
        params.ifPresent(given -> whole.put("params", given));
        return Json.write(whole);
    }

    private static Object stored(Object value) {
        return Plain.copyOf(encoded(value), "The input example");
    }

    /** With what JSON has not in the form that the signature tells. */
    private static Object encoded(Object value) {
        if (value instanceof Double || value instanceof Float) {
            return Double.isNaN(((Number) value).doubleValue()) ? null : value;
        }
        if (value instanceof byte[] bytes) {
            return Base64.getEncoder().encodeToString(bytes);
        }
        if (value != null && TIMES.contains(value.getClass())) {
            return value.toString();
        }
        if (value instanceof Map<?, ?> map) {
            Map<Object, Object> copy = new LinkedHashMap<>();
            map.forEach((key, item) -> copy.put(key, encoded(item)));
            return copy;
        }
        if (value instanceof List<?> items) {
            List<Object> copy = new ArrayList<>();
            items.forEach(item -> copy.add(encoded(item)));
            return copy;
        }
        if (value instanceof Object[] items) {
            return encoded(Arrays.asList(items));
        }
        if (value instanceof float[] || value instanceof double[]) {
            return encoded(Plain.boxed(value));
        }
        return value;
    }
}
