package dev.milepost.client.models;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What a model takes or gives: columns, or tensors.
 *
 * @param fields at least one; either all have a name or none has
 */
public record Schema(List<SchemaField> fields) {
    /**
     * Checks that the fields go together.
     *
     * @throws IllegalArgumentException when they do not; the message says why
     */
    public Schema {
        fields = List.copyOf(fields);
        String problem = problemOf(fields);
        if (!problem.isEmpty()) {
            throw new IllegalArgumentException(problem);
        }
    }

    /**
     * {@return a table with these columns}
     *
     * @param columns at least one; either all have a name or none has
     * @throws IllegalArgumentException when the columns do not go together
     */
    public static Schema columns(Column... columns) {
        return new Schema(List.of(columns));
    }

    /**
     * {@return named tensors, or one without a name}
     *
     * @param tensors at least one; several need names
     * @throws IllegalArgumentException when the tensors do not go together
     */
    public static Schema tensors(TensorSpec... tensors) {
        return new Schema(List.of(tensors));
    }

    /** {@return whether it consists of tensors, not columns} */
    public boolean isTensors() {
        return fields.get(0) instanceof TensorSpec;
    }

    /** {@return names of the fields in order; empty when they have none} */
    public List<String> names() {
        return fields.stream().map(SchemaField::name).flatMap(Optional::stream).toList();
    }

    Object json() {
        return Plain.copyOf(fields.stream().map(SchemaField::json).toList(), "The signature");
    }

    static Schema read(Object text, String where) {
        List<?> items = Fields.list(Fields.json(text, where), where);
        return Fields.checked(where, () -> new Schema(items.stream().map(item -> field(item, where)).toList()));
    }

    private static SchemaField field(Object item, String where) {
        Map<String, Object> keys = Fields.mapping(item, where + "[]");
        boolean tensor = "tensor".equals(keys.get("type"));
        return tensor ? TensorSpec.read(keys, where + "[]") : Column.read(keys, where + "[]");
    }

    private static String problemOf(List<SchemaField> fields) {
        if (fields.isEmpty()) {
            return "A schema needs at least one column or tensor.";
        }
        boolean tensors = fields.get(0) instanceof TensorSpec;
        if (fields.stream().anyMatch(field -> field instanceof TensorSpec != tensors)) {
            return "A schema has either columns or tensors, not both.";
        }
        Set<String> names = new HashSet<>();
        for (SchemaField field : fields) {
            if (field.name().isPresent() && !names.add(field.name().get())) {
                return "Fields of a schema need different names; more than once: '" + field.name().get() + "'.";
            }
        }
        if (!names.isEmpty() && names.size() < fields.size()) {
            return "Either all fields of a schema have a name or none has; named are " + names + ".";
        }
        if (names.isEmpty() && tensors && fields.size() > 1) {
            return "Several tensors need names.";
        }
        if (names.isEmpty() && fields.stream().anyMatch(field -> field instanceof Column one && !one.required())) {
            return "Columns that may be absent need names.";
        }
        return "";
    }
}
