package dev.milepost.client.values;

import com.google.gson.FormattingStyle;
import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/** Passes values to Gson in texts that UTF-8 and YAML 1.1 can hold. */
final class JsonPrinter {
    /** What YAML takes only as escapes, and halves of surrogate pairs, of which UTF-8 would make question marks. */
    private static final Pattern TO_ESCAPE = Pattern.compile("[\\x7f-\\xa0\\ufeff\\ufffe\\uffff\\p{Cs}]");
    private static final List<Class<?>> EXACT = List.of(
            Long.class, Integer.class, Short.class, Byte.class, BigInteger.class, BigDecimal.class);

    private final JsonWriter out;
    private final boolean sorted;

    private JsonPrinter(JsonWriter out, boolean sorted) {
        this.out = out;
        this.sorted = sorted;
    }

    static String print(Object value, FormattingStyle style, boolean sorted) {
        StringWriter text = new StringWriter();
        JsonWriter out = new JsonWriter(text);
        out.setFormattingStyle(style);
        try {
            new JsonPrinter(out, sorted).value(value, 0);
            out.flush();
        } catch (IOException error) {
            throw new UncheckedIOException(error); // a StringWriter throws none
        }
        return TO_ESCAPE.matcher(text.getBuffer())
                .replaceAll(found -> String.format("\\\\u%04x", (int) found.group().charAt(0)));
    }

    private void value(Object value, int depth) throws IOException {
        if (value == null) {
            out.nullValue();
        } else if (value instanceof CharSequence text) {
            out.value(text.toString());
        } else if (value instanceof Boolean truth) {
            out.value(truth);
        } else if (value instanceof Double || value instanceof Float) {
            out.jsonValue(text(((Number) value).doubleValue()));
        } else if (value instanceof Map<?, ?> entries) {
            object(entries, deeper(depth));
        } else if (value instanceof Iterable<?> items) {
            array(items, deeper(depth));
        } else if (value.getClass().isArray()) {
            array(elements(value), deeper(depth));
        } else if (EXACT.contains(value.getClass())) {
            out.value((Number) value);
        } else {
            throw new IllegalArgumentException("JSON cannot hold a " + value.getClass().getName() + ".");
        }
    }

    private void array(Iterable<?> items, int depth) throws IOException {
        out.beginArray();
        for (Object item : items) {
            value(item, depth);
        }
        out.endArray();
    }

    private void object(Map<?, ?> entries, int depth) throws IOException {
        Map<String, Object> named = sorted ? new TreeMap<>() : new LinkedHashMap<>();
        entries.forEach((key, value) -> {
            if (!(key instanceof String name)) {
                throw new IllegalArgumentException("a key of an object must be text, not " + key + ".");
            }
            named.put(name, value);
        });
        out.beginObject();
        for (Map.Entry<String, Object> entry : named.entrySet()) {
            out.name(entry.getKey());
            value(entry.getValue(), depth);
        }
        out.endObject();
    }

    private static Iterable<Object> elements(Object array) {
        return () -> IntStream.range(0, Array.getLength(array))
                .mapToObj(i -> Array.get(array, i))
                .iterator();
    }

    private static int deeper(int depth) {
        if (depth == Json.MAX_DEPTH) {
            throw new IllegalArgumentException("it nests deeper than " + Json.MAX_DEPTH + " levels, or holds itself.");
        }
        return depth + 1;
    }

    /** As of Java, with the sign of the exponent that YAML wants. */
    private static String text(double number) {
        if (!Double.isFinite(number)) {
            throw new IllegalArgumentException("JSON has no " + number + ".");
        }
        return Double.toString(number).replaceFirst("E(?=\\d)", "E+");
    }
}
