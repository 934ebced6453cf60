package dev.milepost.client.serving;

import com.google.protobuf.ByteString;
import dev.milepost.v1.PredictInput;
import dev.milepost.v1.Tensors;
import java.util.List;
import java.util.Map;

/**
 * What a model is asked: data in one form, and what goes with them. Immutable. The answer has the form of the data. The
 * server compares them with the model's signature: nothing is cut, rounded, filled in or left out.
 *
 * <pre>{@code
 * Batch.of(Tensor.of(features)).param("threshold", 0.5)
 * Batch.of(Map.of("amount", Tensor.of(12.5, 80.0), "country", Tensor.of("CH", "DE")))
 * Batch.ofRows(List.of(Map.of("amount", 12.5, "country", "CH")))
 * }</pre>
 */
public final class Batch {
    private final PredictInput input;

    private Batch(PredictInput input) {
        this.input = input;
    }

    /**
     * {@return a batch of one tensor}
     *
     * @param tensor for a model whose only input has no name, or all columns by their positions, in two dimensions
     */
    public static Batch of(Tensor tensor) {
        return of(Map.of("", tensor));
    }

    /**
     * {@return a batch of tensors}
     *
     * @param tensors by the names of the model's signature; columns of a table have one dimension
     */
    public static Batch of(Map<String, Tensor> tensors) {
        Tensors.Builder all = Tensors.newBuilder();
        tensors.forEach((name, tensor) -> all.addTensors(NativeTensors.write(name, tensor)));
        return new Batch(PredictInput.newBuilder().setTensors(all).build());
    }

    /**
     * {@return a batch of rows, which travel as JSON}
     *
     * @param rows each a map with the columns' names, or a list or array of values; for tensors nested lists or arrays.
     *     Values are texts, truth values, numbers, null where a value is missing, and lists and maps of these
     * @throws IllegalArgumentException for what JSON does not keep, such as integers beyond 2^53; it names the field
     */
    public static Batch ofRows(List<?> rows) {
        return new Batch(PredictInput.newBuilder().setRows(Values.list(rows, "rows")).build());
    }

    /**
     * {@return a table}
     *
     * @param stream an Arrow IPC stream with one or more record batches, as Arrow's {@code ArrowStreamWriter} writes it
     */
    public static Batch ofArrow(byte[] stream) {
        return new Batch(PredictInput.newBuilder().setArrow(ByteString.copyFrom(stream)).build());
    }

    /**
     * {@return the same with a param of the model}
     *
     * @param name its name in the signature
     * @param value its value, as those of rows
     * @throws IllegalArgumentException for what JSON does not keep
     */
    public Batch param(String name, Object value) {
        PredictInput.Builder changed = input.toBuilder();
        changed.getParamsBuilder().putFields(Values.checkText(name, "params"), Values.value(value, "params." + name));
        return new Batch(changed.build());
    }

    /**
     * {@return the same with params of the model}
     *
     * @param params by their names in the signature, as for {@link #param}
     * @throws IllegalArgumentException for what JSON does not keep
     */
    public Batch params(Map<String, ?> params) {
        PredictInput.Builder changed = input.toBuilder();
        changed.getParamsBuilder().putAllFields(Values.struct(params, "params").getFieldsMap());
        return new Batch(changed.build());
    }

    /**
     * {@return the same with an id}
     *
     * @param id the caller's own, which comes back with the answer; at most 256 signs
     */
    public Batch id(String id) {
        return new Batch(input.toBuilder().setId(Values.checkText(id, "id")).build());
    }

    PredictInput input() {
        return input;
    }
}
