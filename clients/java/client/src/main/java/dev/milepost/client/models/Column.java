package dev.milepost.client.models;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * A column of a table.
 *
 * @param name what it is called; empty when columns are told apart by their position
 * @param type of each of its values
 * @param required whether it must be there, without missing values
 */
public record Column(Optional<String> name, ColumnType type, boolean required) implements SchemaField {
    /**
     * A column with a name.
     *
     * @param name what it is called
     * @param type of each of its values
     * @param required whether it must be there, without missing values
     */
    public Column(String name, ColumnType type, boolean required) {
        this(Optional.of(name), type, required);
    }

    /**
     * {@return a column that must be there}
     *
     * @param name what it is called
     * @param type of each of its values
     */
    public static Column of(String name, ColumnType type) {
        return new Column(name, type, true);
    }

    /**
     * {@return a column that may be absent, or have missing values}
     *
     * @param name what it is called
     * @param type of each of its values
     */
    public static Column optional(String name, ColumnType type) {
        return new Column(name, type, false);
    }

    /**
     * {@return a column without a name, which must be there}
     *
     * @param type of each of its values
     */
    public static Column unnamed(ColumnType type) {
        return new Column(Optional.empty(), type, true);
    }

    @Override
    public Map<String, Object> json() {
        Map<String, Object> json = new LinkedHashMap<>(type.json());
        name.ifPresent(given -> json.put("name", given));
        json.put("required", required);
        return json;
    }

    static Column read(Map<String, Object> item, String where) {
        Optional<String> name = SchemaField.nameOf(item, where);
        return new Column(name, ColumnType.read(item, where), Fields.required(item, where));
    }
}
