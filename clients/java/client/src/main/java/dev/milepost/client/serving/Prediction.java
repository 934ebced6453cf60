package dev.milepost.client.serving;

import dev.milepost.v1.PredictOutput;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** What a model answered, in the form of the {@link Batch}. Immutable. */
public final class Prediction {
    private final PredictOutput output;
    private final String id;

    Prediction(PredictOutput output, String id) {
        this.output = output;
        this.id = id;
    }

    /**
     * {@return the only tensor of the answer}
     *
     * @throws IllegalStateException when the batch was of another form, or the model answered several tensors
     */
    public Tensor tensor() {
        Map<String, Tensor> all = tensors();
        if (all.size() != 1) {
            throw new IllegalStateException(
                    "The answer has " + all.size() + " tensors, " + all.keySet() + ". Read tensors().");
        }
        return all.values().iterator().next();
    }

    /**
     * {@return the tensors of the answer, in the order of the signature; one without a name there is {@code output}}
     *
     * @throws IllegalStateException when the batch was of another form
     */
    public Map<String, Tensor> tensors() {
        check(PredictOutput.ResultCase.TENSORS);
        return Collections.unmodifiableMap(NativeTensors.read(output.getTensors()));
    }

    /**
     * {@return the rows of the answer: maps by the columns' names, or single values. Values are {@link String},
     * {@link Boolean}, {@link Double}, {@link List}, {@link Map}, or null where one is missing; NaN, the infinities and
     * integers beyond 2^53 are texts}
     *
     * @throws IllegalStateException when the batch was of another form
     */
    public List<Object> rows() {
        check(PredictOutput.ResultCase.ROWS);
        return Values.plain(output.getRows());
    }

    /**
     * {@return the table of the answer as an Arrow IPC stream}
     *
     * @throws IllegalStateException when the batch was of another form
     */
    public byte[] arrow() {
        check(PredictOutput.ResultCase.ARROW);
        return output.getArrow().toByteArray();
    }

    /** {@return the version that answered; 0 for a model that is of no registry} */
    public long version() {
        return output.getVersion();
    }

    /** {@return the id of the batch; empty when it had none} */
    public String id() {
        return id;
    }

    @Override
    public String toString() {
        return "Prediction(" + output.getResultCase() + ", version " + version() + ")";
    }

    private void check(PredictOutput.ResultCase wanted) {
        if (output.getResultCase() != wanted) {
            throw new IllegalStateException("The answer is of " + output.getResultCase()
                    + ", as the batch was, and not of " + wanted + ".");
        }
    }
}
