package dev.milepost.client.models;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * An array of any number of dimensions.
 *
 * @param name what it is called; empty when it is the only one
 * @param dtype name of numpy's type of its elements, such as {@code float32}, {@code int64}, {@code bool}, {@code str}
 * @param shape sizes of the dimensions; -1 where any size will do, as for the rows of a batch
 */
public record TensorSpec(Optional<String> name, String dtype, List<Long> shape) implements SchemaField {
    /** The names of numpy's types, without sizes for texts and bytes: other readers know no more. */
    private static final Pattern DTYPE = Pattern.compile("bool|u?int(8|16|32|64)|float(16|32|64|96|128)"
            + "|complex(64|128|192|256)|str|bytes|object|(datetime64|timedelta64)(\\[[a-zA-Z0-9]{1,8}\\])?");

    /**
     * Checks type and shape.
     *
     * @throws IllegalArgumentException when there is no such type, or a size is below -1
     */
    public TensorSpec {
        shape = List.copyOf(shape);
        if (!DTYPE.matcher(dtype).matches()) {
            throw new IllegalArgumentException("A tensor's dtype is '" + dtype + "', not one such as 'float32'.");
        }
        if (shape.stream().anyMatch(size -> size < -1)) {
            throw new IllegalArgumentException("A tensor's shape is " + shape + "; sizes are at least 0, or -1.");
        }
    }

    /**
     * {@return a tensor with a name}
     *
     * @param name what it is called
     * @param dtype name of numpy's type of its elements, such as {@code float32}
     * @param shape sizes of the dimensions; -1 where any size will do
     * @throws IllegalArgumentException when there is no such type, or a size is below -1
     */
    public static TensorSpec of(String name, String dtype, long... shape) {
        return new TensorSpec(Optional.of(name), dtype, boxed(shape));
    }

    /**
     * {@return a tensor without a name}
     *
     * @param dtype name of numpy's type of its elements, such as {@code float32}
     * @param shape sizes of the dimensions; -1 where any size will do
     * @throws IllegalArgumentException when there is no such type, or a size is below -1
     */
    public static TensorSpec unnamed(String dtype, long... shape) {
        return new TensorSpec(Optional.empty(), dtype, boxed(shape));
    }

    @Override
    public Map<String, Object> json() {
        Map<String, Object> spec = new LinkedHashMap<>();
        spec.put("dtype", dtype);
        spec.put("shape", shape);
        Map<String, Object> json = new LinkedHashMap<>();
        name.ifPresent(given -> json.put("name", given));
        json.put("type", "tensor");
        json.put("tensor-spec", spec);
        return json;
    }

    static TensorSpec read(Map<String, Object> item, String where) {
        Map<String, Object> spec = Fields.mapping(item.get("tensor-spec"), where + ".tensor-spec");
        List<?> shape = Fields.list(spec.get("shape"), where + ".tensor-spec.shape");
        if (!shape.stream().allMatch(Long.class::isInstance)) {
            throw new ModelFormatException(where + ".tensor-spec.shape must hold integers, not " + shape + ".");
        }
        List<Long> sizes = shape.stream().map(Long.class::cast).toList();
        String dtype = Fields.text(spec.get("dtype"), where + ".tensor-spec.dtype");
        return Fields.checked(where, () -> new TensorSpec(SchemaField.nameOf(item, where), dtype, sizes));
    }

    private static List<Long> boxed(long... shape) {
        return Arrays.stream(shape).boxed().toList();
    }
}
