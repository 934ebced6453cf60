package dev.milepost.client.models;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A setting that a caller may give with each batch.
 *
 * @param name key among the params
 * @param type of the value, or of each item of a list: one of a single value but {@code BINARY}, or an object
 * @param defaultValue stands for what is not given: a value of JSON, times as ISO 8601; null for none
 * @param list whether it is a list of values
 */
public record ModelParam(String name, ColumnType type, Object defaultValue, boolean list) {
    /**
     * Checks the type and copies the default.
     *
     * @throws IllegalArgumentException when params cannot have the type, or JSON has no such value
     */
    public ModelParam {
        if (!type.fitsParams()) {
            throw new IllegalArgumentException("Param '" + name + "': params cannot have the type " + type + ".");
        }
        defaultValue = Plain.copyOf(defaultValue, "The default of the param '" + name + "'");
    }

    /**
     * {@return a setting of one value}
     *
     * @param name key among the params
     * @param type of the value
     * @param defaultValue stands for what is not given; null for none
     * @throws IllegalArgumentException when params cannot have the type, or JSON has no such value
     */
    public static ModelParam of(String name, ColumnType type, Object defaultValue) {
        return new ModelParam(name, type, defaultValue, false);
    }

    Map<String, Object> json() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("name", name);
        json.put("default", defaultValue);
        json.put("shape", list ? List.of(-1L) : null);
        json.putAll(type.json());
        return json;
    }

    static ModelParam read(Object item, String where) {
        Map<String, Object> keys = Fields.mapping(item, where);
        String name = Fields.text(keys.get("name"), where + ".name");
        ColumnType type = ColumnType.read(keys, where);
        return Fields.checked(
                where, () -> new ModelParam(name, type, keys.get("default"), keys.get("shape") != null));
    }
}
