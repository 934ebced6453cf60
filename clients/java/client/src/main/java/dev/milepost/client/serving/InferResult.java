package dev.milepost.client.serving;

import dev.milepost.inference.ModelInferResponse;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;

/** What a model answered by the Open Inference Protocol. Immutable. */
public final class InferResult {
    private final ModelInferResponse response;
    private final String error;

    InferResult(ModelInferResponse response, String error) {
        this.response = response;
        this.error = error;
    }

    /**
     * {@return the only tensor of the answer}
     *
     * @throws IllegalStateException when the answer has several, or is an error
     */
    public Tensor tensor() {
        Map<String, Tensor> all = tensors();
        if (all.size() != 1) {
            throw new IllegalStateException("The answer has " + all.size() + " tensors. Read tensors().");
        }
        return all.values().iterator().next();
    }

    /**
     * {@return the tensors of the answer by name, in its order. Texts are of {@link DType#BYTES}, as the protocol has
     * them: {@link Tensor#asStrings} reads them}
     *
     * @throws IllegalStateException when the answer is an error, or has a datatype that {@link DType} lacks
     */
    public Map<String, Tensor> tensors() {
        if (!error.isEmpty()) {
            throw new IllegalStateException("The request failed: " + error);
        }
        return Collections.unmodifiableMap(OpenTensors.read(response));
    }

    /** {@return why a request of a stream failed; empty when it did not} */
    public Optional<String> error() {
        return error.isEmpty() ? Optional.empty() : Optional.of(error);
    }

    /** {@return the id of the request} */
    public String id() {
        return response.getId();
    }

    /** {@return the version that answered} */
    public String version() {
        return response.getModelVersion();
    }

    /** {@return the message, with the parameters of the answer} */
    public ModelInferResponse proto() {
        return response;
    }
}
