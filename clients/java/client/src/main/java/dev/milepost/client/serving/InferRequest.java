package dev.milepost.client.serving;

import dev.milepost.inference.InferParameter;
import dev.milepost.inference.ModelInferRequest;
import java.util.List;
import java.util.Map;

/**
 * What a model is asked by the Open Inference Protocol. Immutable.
 *
 * <pre>{@code
 * InferRequest.of("resnet", Map.of("image", Tensor.float32(new long[] {1, 3, 224, 224}, pixels))).outputs("label")
 * }</pre>
 */
public final class InferRequest {
    private final ModelInferRequest request;

    private InferRequest(ModelInferRequest request) {
        this.request = request;
    }

    /**
     * {@return a request}
     *
     * @param model name of the model
     * @param inputs the batch by the names of the model's metadata, sent in the order of the map. Texts are sent as
     *     {@code BYTES} of UTF-8
     * @throws IllegalArgumentException for tensors of times, which the protocol lacks
     */
    public static InferRequest of(String model, Map<String, Tensor> inputs) {
        ModelInferRequest.Builder request = ModelInferRequest.newBuilder().setModelName(model);
        OpenTensors.write(request, inputs);
        return new InferRequest(request.build());
    }

    /**
     * {@return the same for a version}
     *
     * @param version the version, empty for the one that traffic goes to
     */
    public InferRequest version(String version) {
        return new InferRequest(request.toBuilder().setModelVersion(version).build());
    }

    /**
     * {@return the same with an id}
     *
     * @param id comes back with the answer
     */
    public InferRequest id(String id) {
        return new InferRequest(request.toBuilder().setId(id).build());
    }

    /**
     * {@return the same with a parameter}
     *
     * @param name a param of the model, or a parameter of the protocol
     * @param value a {@link String}, {@link Boolean}, integer, {@link Float} or {@link Double}
     * @throws IllegalArgumentException for another value
     */
    public InferRequest parameter(String name, Object value) {
        InferParameter.Builder parameter = InferParameter.newBuilder();
        if (value instanceof String text) {
            parameter.setStringParam(text);
        } else if (value instanceof Boolean truth) {
            parameter.setBoolParam(truth);
        } else if (value instanceof Double || value instanceof Float) {
            parameter.setDoubleParam(((Number) value).doubleValue());
        } else if (Values.isInteger(value)) {
            parameter.setInt64Param(((Number) value).longValue());
        } else {
            throw new IllegalArgumentException(name + ": the protocol has texts, truth values, integers and doubles.");
        }
        return new InferRequest(request.toBuilder().putParameters(name, parameter.build()).build());
    }

    /**
     * {@return the same that asks for some outputs only}
     *
     * @param names of the outputs, in the order that is wanted
     */
    public InferRequest outputs(String... names) {
        ModelInferRequest.Builder changed = request.toBuilder().clearOutputs();
        List.of(names).forEach(name -> changed.addOutputsBuilder().setName(name));
        return new InferRequest(changed.build());
    }

    /** {@return the message} */
    public ModelInferRequest proto() {
        return request;
    }
}
