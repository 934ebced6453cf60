package dev.milepost.client.serving;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.calls.Connection;
import dev.milepost.client.calls.ConnectionBuilder;
import dev.milepost.client.calls.ConnectionSettings;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.v1.GeneratePredictionsRequest;
import dev.milepost.v1.PredictOutput;
import dev.milepost.v1.PredictRequest;
import dev.milepost.v1.PredictionServiceGrpc;
import io.grpc.Channel;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * A connection to a model server, {@code milepost serve}. Connects on first use; safe to use from all threads; made
 * once and shared.
 *
 * <pre>{@code
 * try (var server = ModelServer.connect("127.0.0.1:8081")) {
 *     long[] digits = server.predict("digits", Tensor.of(images)).tensor().asLongs();
 * }
 * }</pre>
 *
 * <p>Predictions change nothing, so they are repeated while the server, or the process of a model, is away for a
 * moment. They throw {@link MilepostException} with the reason
 * <ul>
 *   <li>{@code BAD_MODEL_INPUT}: data or params are not those of the model's signature; {@code metadata().get("field")}
 *       names what is wrong;
 *   <li>{@code SERVED_MODEL_NOT_FOUND}: no such model or version is served here;
 *   <li>{@code TOO_MANY_REQUESTS}: the queue of the model is full, and stayed so; {@link MilepostException#retryAfter};
 *   <li>{@code MODEL_FAILED}: the model raised an error, of which the metadata {@code errorKind} has the kind;
 *   <li>{@code WORKER_LOST}: the model's process ended while it had the request, twice.
 * </ul>
 */
public final class ModelServer implements AutoCloseable {
    /** How long verbs that may have to load a model wait unless another time is chosen: 600 s. */
    public static final Duration LOADING_TIMEOUT = Duration.ofSeconds(600);

    static final String ADDRESS_VARIABLE = "MILEPOST_SERVING_URI";
    static final String DEFAULT_ADDRESS = "127.0.0.1:8081";

    private final Connection connection;
    private final Calls calls;
    private final Calls loading;

    private ModelServer(Connection connection, Calls calls, Calls loading) {
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
    public static ModelServer connect(String target) {
        return builder().target(target).build();
    }

    /**
     * {@return a client with settings of its own. Its target is the environment's {@code MILEPOST_SERVING_URI}, else
     * {@code 127.0.0.1:8081}, unless one is chosen}
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * {@return a client with another deadline, also of verbs that load models, over the same connection; closing either
     * closes both}
     *
     * @param timeout how long a call may take, retries included; the server stops working on it, too
     */
    public ModelServer withTimeout(Duration timeout) {
        Calls bounded = calls.withTimeout(timeout);
        return new ModelServer(connection, bounded, bounded);
    }

    /**
     * Predicts a batch of one tensor by the version that traffic goes to.
     *
     * @param model what the model is served as
     * @param tensor as for {@link Batch#of(Tensor)}
     * @return the answer
     * @throws MilepostException when it failed for good
     */
    public Prediction predict(String model, Tensor tensor) {
        return predict(model, Batch.of(tensor));
    }

    /**
     * Predicts a batch of tensors by the version that traffic goes to.
     *
     * @param model what the model is served as
     * @param tensors as for {@link Batch#of(Map)}
     * @return the answer
     * @throws MilepostException when it failed for good
     */
    public Prediction predict(String model, Map<String, Tensor> tensors) {
        return predict(model, Batch.of(tensors));
    }

    /**
     * Predicts a batch by the version that traffic goes to.
     *
     * @param model what the model is served as
     * @param batch what to ask
     * @return the answer
     * @throws MilepostException when it failed for good
     */
    public Prediction predict(String model, Batch batch) {
        return predict(model, 0, batch);
    }

    /**
     * Predicts a batch by a version.
     *
     * @param model what the model is served as
     * @param version a version that is loaded; 0 for the one that traffic goes to
     * @param batch what to ask
     * @return the answer
     * @throws MilepostException when it failed for good
     */
    public Prediction predict(String model, long version, Batch batch) {
        return Calls.await(predictAsync(model, version, batch));
    }

    /**
     * {@return the answer, as {@link #predict(String, Batch)}, without waiting}
     *
     * @param model its name
     * @param batch it
     */
    public CompletableFuture<Prediction> predictAsync(String model, Batch batch) {
        return predictAsync(model, 0, batch);
    }

    /**
     * As {@link #predict(String, long, Batch)}, without waiting. Cancelling the future cancels the call.
     *
     * @param model what the model is served as
     * @param version a version that is loaded; 0 for the one that traffic goes to
     * @param batch what to ask
     * @return the answer
     */
    public CompletableFuture<Prediction> predictAsync(String model, long version, Batch batch) {
        PredictRequest request = PredictRequest.newBuilder()
                .setModel(model)
                .setVersion(version)
                .setInput(batch.input())
                .build();
        return calls.start(PredictionServiceGrpc.getPredictMethod(), request, response -> {
            PredictOutput output = response.getOutput();
            return new Prediction(output, output.getId());
        });
    }

    /**
     * Asks a model that answers piece by piece, by the version that traffic goes to.
     *
     * @param model what the model is served as
     * @param batch what to ask
     * @return the pieces as they come, all of them within the deadline
     */
    public PredictionPieces generate(String model, Batch batch) {
        return generate(model, 0, batch);
    }

    /**
     * Asks a model that answers piece by piece, by a version.
     *
     * @param model what the model is served as
     * @param version a version that is loaded; 0 for the one that traffic goes to
     * @param batch what to ask
     * @return the pieces as they come, all of them within the deadline
     */
    public PredictionPieces generate(String model, long version, Batch batch) {
        GeneratePredictionsRequest request = GeneratePredictionsRequest.newBuilder()
                .setModel(model)
                .setVersion(version)
                .setInput(batch.input())
                .build();
        return new PredictionPieces(
                calls.open(PredictionServiceGrpc.getGeneratePredictionsMethod(), calls.settings().timeout()), request);
    }

    /**
     * {@return a stream of requests to a model, which is opened by the first}
     *
     * @param model what it is served as
     */
    public PredictionStream stream(String model) {
        return stream(model, StreamOptions.defaults());
    }

    /**
     * {@return a stream of requests to a model, which is opened by the first}
     *
     * @param model what the model is served as
     * @param options its version, and how many requests may be without an answer
     */
    public PredictionStream stream(String model, StreamOptions options) {
        return new PredictionStream(calls, model, options);
    }

    /** {@return what is served, and the verbs that change it} */
    public ServedModels models() {
        return new ServedModels(calls, loading);
    }

    /** {@return the same server by the Open Inference Protocol; closing either closes both} */
    public OpenInference openInference() {
        return new OpenInference(connection, calls, loading);
    }

    /** {@return whether the server can answer for all its models, as {@code grpc.health.v1} has it} */
    public boolean isReady() {
        return Calls.await(isReadyAsync());
    }

    /** {@return whether it is, as {@link #isReady()}, without waiting} */
    public CompletableFuture<Boolean> isReadyAsync() {
        return Health.isServing(calls, "");
    }

    /**
     * {@return whether a model can answer; false for one that is not served}
     *
     * @param model what it is served as
     */
    public boolean isReady(String model) {
        return Calls.await(isReadyAsync(model));
    }

    /**
     * {@return whether it is, as {@link #isReady(String)}, without waiting}
     *
     * @param model what it is served as
     */
    public CompletableFuture<Boolean> isReadyAsync(String model) {
        return Health.isServing(calls, "models/" + model);
    }

    /**
     * {@return what stubs of a model's typed contract ({@code milepost models proto}) call on; it adds the token and an
     * id to each call. {@link dev.milepost.client.errors.Errors#from(Throwable)} reads what the stubs throw}
     */
    public Channel channel() {
        return connection.channel();
    }

    /** Closes the connection; calls under way are cancelled. */
    @Override
    public void close() {
        connection.close();
    }

    @Override
    public String toString() {
        return "ModelServer(" + calls.settings().address() + ")";
    }

    /** How to reach a model server. */
    public static final class Builder extends ConnectionBuilder<Builder> {
        private Builder() {
            super(ADDRESS_VARIABLE, DEFAULT_ADDRESS);
        }

        /**
         * {@return the client, which connects on first use}
         *
         * @throws IllegalArgumentException when the settings contradict each other
         */
        public ModelServer build() {
            ConnectionSettings settings = settings();
            Connection connection = new Connection(settings);
            Calls calls = new Calls(connection, settings);
            return new ModelServer(connection, calls, calls.withTimeout(LOADING_TIMEOUT));
        }
    }
}
