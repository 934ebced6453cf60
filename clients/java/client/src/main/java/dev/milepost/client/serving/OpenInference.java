package dev.milepost.client.serving;

import com.google.protobuf.ByteString;
import dev.milepost.client.calls.Calls;
import dev.milepost.client.calls.Connection;
import dev.milepost.client.calls.ConnectionBuilder;
import dev.milepost.client.calls.ConnectionSettings;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.inference.GRPCInferenceServiceGrpc;
import dev.milepost.inference.ModelMetadataRequest;
import dev.milepost.inference.ModelMetadataResponse;
import dev.milepost.inference.ModelReadyRequest;
import dev.milepost.inference.ModelReadyResponse;
import dev.milepost.inference.ModelRepositoryParameter;
import dev.milepost.inference.RepositoryIndexRequest;
import dev.milepost.inference.RepositoryIndexResponse;
import dev.milepost.inference.RepositoryIndexResponse.ModelIndex;
import dev.milepost.inference.RepositoryModelLoadRequest;
import dev.milepost.inference.RepositoryModelUnloadRequest;
import dev.milepost.inference.ServerLiveRequest;
import dev.milepost.inference.ServerLiveResponse;
import dev.milepost.inference.ServerMetadataRequest;
import dev.milepost.inference.ServerMetadataResponse;
import dev.milepost.inference.ServerReadyRequest;
import dev.milepost.inference.ServerReadyResponse;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * A connection to a server that speaks the Open Inference Protocol, version 2, over gRPC: Milepost, Triton, KServe,
 * MLServer and others. Made alone, or by {@link ModelServer#openInference}. Connects on first use; safe to use from all
 * threads.
 *
 * <pre>{@code
 * try (var triton = OpenInference.connect("triton:8001")) {
 *     float[] scores = triton.infer("resnet", Map.of("image", image)).tensor().asFloats();
 * }
 * }</pre>
 *
 * <p>Verbs throw {@link MilepostException}; its reason is set by Milepost only, its class by all. What changes nothing
 * is repeated while the server is away.
 */
public final class OpenInference implements AutoCloseable {
    private final Connection connection;
    private final Calls calls;
    private final Calls loading;

    OpenInference(Connection connection, Calls calls, Calls loading) {
        this.connection = connection;
        this.calls = calls;
        this.loading = loading;
    }

    /**
     * {@return a client of a server without TLS, or of one whose address says {@code grpcs://}}
     *
     * @param target {@code host:port}, {@code grpc://host:port} or {@code grpcs://host:port}
     * @throws IllegalArgumentException when it has none of these forms
     */
    public static OpenInference connect(String target) {
        return builder().target(target).build();
    }

    /** {@return a client with settings of its own; its target is that of {@link ModelServer#builder} by default} */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * {@return a client with another deadline, also of {@link #load}, over the same connection; closing either closes
     * both}
     *
     * @param timeout how long a call may take, retries included
     */
    public OpenInference withTimeout(Duration timeout) {
        Calls bounded = calls.withTimeout(timeout);
        return new OpenInference(connection, bounded, bounded);
    }

    /** {@return whether the server runs} */
    public boolean isServerLive() {
        return Calls.await(isServerLiveAsync());
    }

    /** {@return whether it does, as {@link #isServerLive}, without waiting} */
    public CompletableFuture<Boolean> isServerLiveAsync() {
        return calls.start(
                GRPCInferenceServiceGrpc.getServerLiveMethod(),
                ServerLiveRequest.getDefaultInstance(),
                ServerLiveResponse::getLive);
    }

    /** {@return whether the server can answer for all its models} */
    public boolean isServerReady() {
        return Calls.await(isServerReadyAsync());
    }

    /** {@return whether it can, as {@link #isServerReady}, without waiting} */
    public CompletableFuture<Boolean> isServerReadyAsync() {
        return calls.start(
                GRPCInferenceServiceGrpc.getServerReadyMethod(),
                ServerReadyRequest.getDefaultInstance(),
                ServerReadyResponse::getReady);
    }

    /**
     * {@return whether a model can answer}
     *
     * @param model its name
     * @param version empty for the live one
     */
    public boolean isModelReady(String model, String version) {
        return Calls.await(isModelReadyAsync(model, version));
    }

    /**
     * As {@link #isModelReady}, without waiting.
     *
     * @param model name of the model
     * @param version a version, empty for the live one
     * @return whether it can answer
     */
    public CompletableFuture<Boolean> isModelReadyAsync(String model, String version) {
        return calls.start(
                GRPCInferenceServiceGrpc.getModelReadyMethod(),
                ModelReadyRequest.newBuilder().setName(model).setVersion(version).build(),
                ModelReadyResponse::getReady);
    }

    /** {@return name, version and extensions of the server} */
    public ServerMetadataResponse serverMetadata() {
        return Calls.await(serverMetadataAsync());
    }

    /** {@return the metadata, as {@link #serverMetadata}, without waiting} */
    public CompletableFuture<ServerMetadataResponse> serverMetadataAsync() {
        return calls.start(
                GRPCInferenceServiceGrpc.getServerMetadataMethod(), ServerMetadataRequest.getDefaultInstance());
    }

    /**
     * {@return what a model takes and gives}
     *
     * @param model its name
     * @param version empty for the live one
     */
    public ModelMetadataResponse modelMetadata(String model, String version) {
        return Calls.await(modelMetadataAsync(model, version));
    }

    /**
     * As {@link #modelMetadata}, without waiting.
     *
     * @param model name of the model
     * @param version a version, empty for the live one
     * @return what it takes and gives
     */
    public CompletableFuture<ModelMetadataResponse> modelMetadataAsync(String model, String version) {
        return calls.start(
                GRPCInferenceServiceGrpc.getModelMetadataMethod(),
                ModelMetadataRequest.newBuilder().setName(model).setVersion(version).build());
    }

    /**
     * Asks the live version of a model.
     *
     * @param model name of the model
     * @param inputs as for {@link InferRequest#of}
     * @return the answer
     * @throws MilepostException when it failed for good
     */
    public InferResult infer(String model, Map<String, Tensor> inputs) {
        return infer(InferRequest.of(model, inputs));
    }

    /**
     * {@return the answer of a model}
     *
     * @param request what to ask
     * @throws MilepostException when it failed for good
     */
    public InferResult infer(InferRequest request) {
        return Calls.await(inferAsync(request));
    }

    /**
     * {@return the answer, as {@link #infer(InferRequest)}, without waiting}
     *
     * @param request what to ask
     */
    public CompletableFuture<InferResult> inferAsync(InferRequest request) {
        return calls.start(
                GRPCInferenceServiceGrpc.getModelInferMethod(),
                request.proto(),
                response -> new InferResult(response, ""));
    }

    /**
     * Asks many times over one stream. Milepost and Triton have it; other servers may answer
     * {@link dev.milepost.client.errors.UnimplementedException}.
     *
     * @param requests what to ask; read while the answers are
     * @return the answers, for as long as it takes
     */
    public InferStream inferStream(Iterable<InferRequest> requests) {
        return new InferStream(
                calls.open(GRPCInferenceServiceGrpc.getModelStreamInferMethod()), requests.iterator());
    }

    /**
     * {@return the models of the server}
     *
     * @param ready whether to list only what can answer
     */
    public List<ModelIndex> repositoryIndex(boolean ready) {
        return Calls.await(repositoryIndexAsync(ready));
    }

    /**
     * {@return the models, as {@link #repositoryIndex}, without waiting}
     *
     * @param ready whether to list what can answer
     */
    public CompletableFuture<List<ModelIndex>> repositoryIndexAsync(boolean ready) {
        return calls.start(
                GRPCInferenceServiceGrpc.getRepositoryIndexMethod(),
                RepositoryIndexRequest.newBuilder().setReady(ready).build(),
                RepositoryIndexResponse::getModelsList);
    }

    /**
     * Loads a model, or loads it anew; returns when it is live. Waits 600 s unless {@link #withTimeout} says otherwise.
     *
     * @param model its name; of Milepost that of a registered model
     * @param parameters as the server takes them: {@link String}, {@link Boolean}, integers and {@code byte[]}. Of
     *     Milepost {@code version} or {@code alias}; without them it loads {@code models:/NAME@champion}
     */
    public void load(String model, Map<String, ?> parameters) {
        Calls.await(loadAsync(model, parameters));
    }

    /**
     * As {@link #load}, without waiting.
     *
     * @param model name of the model
     * @param parameters as the server takes them
     * @return when it is live
     */
    public CompletableFuture<Void> loadAsync(String model, Map<String, ?> parameters) {
        RepositoryModelLoadRequest.Builder request = RepositoryModelLoadRequest.newBuilder().setModelName(model);
        parameters.forEach((name, value) -> request.putParameters(name, parameter(name, value)));
        return loading.start(
                GRPCInferenceServiceGrpc.getRepositoryModelLoadMethod(), request.build(), done -> null);
    }

    /**
     * Ends serving of a model once the requests that it has are answered.
     *
     * @param model its name
     */
    public void unload(String model) {
        Calls.await(unloadAsync(model));
    }

    /**
     * {@return when it is done, as {@link #unload}, without waiting}
     *
     * @param model its name
     */
    public CompletableFuture<Void> unloadAsync(String model) {
        return calls.start(
                GRPCInferenceServiceGrpc.getRepositoryModelUnloadMethod(),
                RepositoryModelUnloadRequest.newBuilder().setModelName(model).build(),
                done -> null);
    }

    /** Closes the connection; calls under way are cancelled. */
    @Override
    public void close() {
        connection.close();
    }

    @Override
    public String toString() {
        return "OpenInference(" + calls.settings().address() + ")";
    }

    private static ModelRepositoryParameter parameter(String name, Object value) {
        ModelRepositoryParameter.Builder parameter = ModelRepositoryParameter.newBuilder();
        if (value instanceof String text) {
            return parameter.setStringParam(text).build();
        }
        if (value instanceof Boolean truth) {
            return parameter.setBoolParam(truth).build();
        }
        if (Values.isInteger(value)) {
            return parameter.setInt64Param(((Number) value).longValue()).build();
        }
        if (value instanceof byte[] bytes) {
            return parameter.setBytesParam(ByteString.copyFrom(bytes)).build();
        }
        throw new IllegalArgumentException(name + ": the protocol has texts, truth values, integers and bytes.");
    }

    /** How to reach a server. */
    public static final class Builder extends ConnectionBuilder<Builder> {
        private Builder() {
            super(ModelServer.ADDRESS_VARIABLE, ModelServer.DEFAULT_ADDRESS);
        }

        /**
         * {@return the client, which connects on first use}
         *
         * @throws IllegalArgumentException when the settings contradict each other
         */
        public OpenInference build() {
            ConnectionSettings settings = settings();
            Connection connection = new Connection(settings);
            Calls calls = new Calls(connection, settings);
            return new OpenInference(connection, calls, calls.withTimeout(ModelServer.LOADING_TIMEOUT));
        }
    }
}
