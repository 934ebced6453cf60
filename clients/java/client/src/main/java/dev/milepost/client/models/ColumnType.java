package dev.milepost.client.models;

import dev.milepost.client.values.Json;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Type of the values of a column. It can say what a descriptor can, no more and no less. */
public final class ColumnType {
    /** True or false; no number. */
    public static final ColumnType BOOLEAN = new ColumnType(Map.of("type", "boolean"));
    /** 32 bits, signed. */
    public static final ColumnType INTEGER = new ColumnType(Map.of("type", "integer"));
    /** 64 bits, signed. */
    public static final ColumnType LONG = new ColumnType(Map.of("type", "long"));
    /** IEEE 754, 32 bits; NaN and infinities are values. */
    public static final ColumnType FLOAT = new ColumnType(Map.of("type", "float"));
    /** IEEE 754, 64 bits; NaN and infinities are values. */
    public static final ColumnType DOUBLE = new ColumnType(Map.of("type", "double"));
    /** Text. */
    public static final ColumnType STRING = new ColumnType(Map.of("type", "string"));
    /** Bytes. */
    public static final ColumnType BINARY = new ColumnType(Map.of("type", "binary"));
    /** A day or a time. */
    public static final ColumnType DATETIME = new ColumnType(Map.of("type", "datetime"));
    /** Any value, a missing one too; not checked. */
    public static final ColumnType ANY = new ColumnType(Map.of("type", "any"));
    /** A vector of Spark ML: a list of doubles. */
    public static final ColumnType SPARKML_VECTOR = new ColumnType(Map.of("type", "sparkml_vector"));

    private static final Set<ColumnType> SIMPLE =
            Set.of(BOOLEAN, INTEGER, LONG, FLOAT, DOUBLE, STRING, BINARY, DATETIME, ANY, SPARKML_VECTOR);
    private static final Set<ColumnType> OF_PARAMS = Set.of(BOOLEAN, INTEGER, LONG, FLOAT, DOUBLE, STRING, DATETIME);
    private static final int MAX_DEPTH = 32;

    private final Map<String, Object> json;

    private ColumnType(Map<String, Object> json) {
        this.json = json;
    }

    /**
     * {@return lists of any length}
     *
     * @param items type of their items
     */
    public static ColumnType arrayOf(ColumnType items) {
        return compound("array", "items", items.json);
    }

    /**
     * {@return mappings of any names}
     *
     * @param values type of their values
     */
    public static ColumnType mapOf(ColumnType values) {
        return compound("map", "values", values.json);
    }

    /**
     * {@return mappings with known members}
     *
     * @param members at least one, with names that differ; one that is not required may be absent
     * @throws IllegalArgumentException when there are none, or two have one name or a member has none
     */
    public static ColumnType object(Column... members) {
        Map<String, Object> properties = new TreeMap<>();
        for (Column member : members) {
            Map<String, Object> property = new LinkedHashMap<>(member.type().json);
            property.put("required", member.required());
            if (properties.put(member.name().orElseThrow(ColumnType::unnamed), property) != null) {
                throw new IllegalArgumentException("An object has the member '" + member.name().get() + "' twice.");
            }
        }
        if (properties.isEmpty()) {
            throw new IllegalArgumentException("An object needs at least one member.");
        }
        return compound("object", "properties", properties);
    }

    private static IllegalArgumentException unnamed() {
        return new IllegalArgumentException("A member of an object needs a name.");
    }

    private static ColumnType compound(String type, String key, Map<String, Object> inner) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("type", type);
        json.put(key, inner);
        return new ColumnType(Plain.copyOf(json, "The type"));
    }

    /** The type that a field of a schema, or a part of one, names. */
    static ColumnType read(Map<?, ?> item, String where) {
        return read(item, where, 0);
    }

    private static ColumnType read(Map<?, ?> item, String where, int depth) {
        if (depth > MAX_DEPTH) {
            throw new ModelFormatException(where + ": types nest deeper than " + MAX_DEPTH + " levels.");
        }
        Object type = item.get("type");
        if ("array".equals(type)) {
            return arrayOf(read(Fields.mapping(item.get("items"), where + ".items"), where + ".items", depth + 1));
        }
        if ("map".equals(type)) {
            return mapOf(read(Fields.mapping(item.get("values"), where + ".values"), where + ".values", depth + 1));
        }
        if ("object".equals(type)) {
            Map<String, Object> members = Fields.mapping(item.get("properties"), where + ".properties");
            return Fields.checked(where, () -> object(members.entrySet().stream()
                    .map(member -> {
                        String inner = where + ".properties." + member.getKey();
                        Map<String, Object> property = Fields.mapping(member.getValue(), inner);
                        boolean required = Fields.required(property, inner);
                        return new Column(member.getKey(), read(property, inner, depth + 1), required);
                    })
                    .toArray(Column[]::new)));
        }
        return SIMPLE.stream()
                .filter(simple -> simple.json.get("type").equals(type))
                .findFirst()
                .orElseThrow(() -> new ModelFormatException(where + ".type is " + type + ", which is no type."));
    }

    boolean fitsParams() {
        return OF_PARAMS.contains(this) || json.get("type").equals("object");
    }

    Map<String, Object> json() {
        return json;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ColumnType type && json.equals(type.json);
    }

    @Override
    public int hashCode() {
        return json.hashCode();
    }

    /** {@return the name of the type; JSON for one that is made of others} */
    @Override
    public String toString() {
        return json.size() == 1 ? (String) json.get("type") : Json.write(json);
    }
}
