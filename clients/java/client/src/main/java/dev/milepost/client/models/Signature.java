package dev.milepost.client.models;

import dev.milepost.client.values.Json;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * What a model takes and gives. A server checks requests against the inputs and the params, and changes no value.
 *
 * @param inputs empty when the model says nothing about them
 * @param outputs empty when the model says nothing about them
 * @param params settings of a call, with names that differ
 */
public record Signature(Optional<Schema> inputs, Optional<Schema> outputs, List<ModelParam> params) {
    /**
     * Checks the params.
     *
     * @throws IllegalArgumentException when two have one name
     */
    public Signature {
        params = List.copyOf(params);
        if (params.stream().map(ModelParam::name).distinct().count() < params.size()) {
            throw new IllegalArgumentException("Params need different names.");
        }
    }

    /**
     * {@return a signature without params}
     *
     * @param inputs what the model takes
     * @param outputs what the model gives
     */
    public static Signature of(Schema inputs, Schema outputs) {
        return new Signature(Optional.of(inputs), Optional.of(outputs), List.of());
    }

    /**
     * {@return the same with one more param}
     *
     * @param param a setting of a call
     * @throws IllegalArgumentException when there is one of its name
     */
    public Signature param(ModelParam param) {
        List<ModelParam> more = new ArrayList<>(params);
        more.add(param);
        return new Signature(inputs, outputs, more);
    }

    /** {@return JSON with the keys {@code inputs}, {@code outputs} and {@code params}, as of a logged model} */
    public String toJson() {
        Map<String, Object> present = new LinkedHashMap<>(parts());
        present.values().removeIf(Objects::isNull);
        return Json.write(present);
    }

    /** The entry of the descriptor: JSON by key, null where nothing is said. */
    Map<String, Object> texts() {
        Map<String, Object> texts = new LinkedHashMap<>(parts());
        texts.replaceAll((key, part) -> part == null ? null : Json.write(part));
        return texts;
    }

    private Map<String, Object> parts() {
        Map<String, Object> parts = new LinkedHashMap<>();
        parts.put("inputs", inputs.map(Schema::json).orElse(null));
        parts.put("outputs", outputs.map(Schema::json).orElse(null));
        List<?> settings = params.stream().map(ModelParam::json).toList();
        parts.put("params", settings.isEmpty() ? null : Plain.copyOf(settings, "The signature"));
        return parts;
    }

    static Signature read(Map<String, Object> texts, String where) {
        Object params = texts.get("params");
        List<?> items = params == null
                ? List.of()
                : Fields.list(Fields.json(params, where + ".params"), where);
        return Fields.checked(where, () -> new Signature(
                schema(texts.get("inputs"), where + ".inputs"),
                schema(texts.get("outputs"), where + ".outputs"),
                items.stream().map(item -> ModelParam.read(item, where + ".params[]")).toList()));
    }

    private static Optional<Schema> schema(Object text, String where) {
        return text == null ? Optional.empty() : Optional.of(Schema.read(text, where));
    }
}
