package dev.milepost.client;

import dev.milepost.client.artifacts.Artifacts;
import dev.milepost.client.calls.Calls;
import dev.milepost.client.calls.Connection;
import dev.milepost.client.calls.ConnectionBuilder;
import dev.milepost.client.calls.ConnectionSettings;
import dev.milepost.client.registry.LoggedModels;
import dev.milepost.client.registry.ModelVersions;
import dev.milepost.client.registry.RegisteredModels;
import dev.milepost.client.registry.Registry;
import dev.milepost.client.registry.Webhooks;
import dev.milepost.client.tracking.ActiveRun;
import dev.milepost.client.tracking.Datasets;
import dev.milepost.client.tracking.Experiments;
import dev.milepost.client.tracking.Metrics;
import dev.milepost.client.tracking.NewRun;
import dev.milepost.client.tracking.RunAction;
import dev.milepost.client.tracking.RunFunction;
import dev.milepost.client.tracking.Runs;
import dev.milepost.client.writer.WriterOptions;
import dev.milepost.v1.DatabaseStatus;
import dev.milepost.v1.GetDatabaseStatusRequest;
import dev.milepost.v1.GetServerInfoRequest;
import dev.milepost.v1.ServerInfo;
import dev.milepost.v1.ServerServiceGrpc;
import java.time.Duration;

/**
 * A connection to a Milepost server. Connects on first use; safe to use from all threads; made once and shared.
 *
 * <pre>{@code
 * try (var client = MilepostClient.connect("127.0.0.1:5001")) {
 *     var experiment = client.experiments().getOrCreate("digits");
 *     try (var run = client.startRun(experiment.id())) {
 *         run.logParam("lr", 3e-4);
 *         run.logMetric("loss", 0.3, 1);
 *         run.finish();
 *     }
 * }
 * }</pre>
 *
 * <p>Every verb waits for the server, repeats what is safe to repeat, and throws
 * {@link dev.milepost.client.errors.MilepostException} when it failed for good; its twin that ends in {@code Async}
 * returns a {@link java.util.concurrent.CompletableFuture} at once, which fails with the same.
 */
public final class MilepostClient implements AutoCloseable {
    private final Connection connection;
    private final Calls calls;

    private MilepostClient(Connection connection, Calls calls) {
        this.connection = connection;
        this.calls = calls;
    }

    /**
     * {@return a client of a server without TLS, or of one whose address says {@code grpcs://}}
     *
     * @param target {@code host:port}, {@code grpc://host:port} or {@code grpcs://host:port}
     * @throws IllegalArgumentException when it has none of these forms
     */
    public static MilepostClient connect(String target) {
        return builder().target(target).build();
    }

    /**
     * {@return a client with settings of its own. Its target is the environment's {@code MILEPOST_TRACKING_URI}, else
     * {@code 127.0.0.1:5001}, unless one is chosen}
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * {@return a client with another deadline, over the same connection; closing either closes both}
     *
     * @param timeout how long a call may take, retries included
     */
    public MilepostClient withTimeout(Duration timeout) {
        return new MilepostClient(connection, calls.withTimeout(timeout));
    }

    /** {@return verbs on experiments} */
    public Experiments experiments() {
        return new Experiments(calls);
    }

    /** {@return verbs on runs} */
    public Runs runs() {
        return new Runs(calls);
    }

    /** {@return verbs on metric points} */
    public Metrics metrics() {
        return new Metrics(calls);
    }

    /** {@return verbs on datasets} */
    public Datasets datasets() {
        return new Datasets(calls);
    }

    /**
     * Starts a run, which this program must end.
     *
     * @param experimentId its experiment; {@code 0} is the experiment {@code Default}
     * @return the run
     */
    public ActiveRun startRun(String experimentId) {
        return startRun(NewRun.in(experimentId));
    }

    /**
     * Starts a run, which this program must end. Beside the given tags it has those that say where the code comes from,
     * see {@link dev.milepost.v1.Run}.
     *
     * @param run what to create
     * @return the run
     */
    public ActiveRun startRun(NewRun run) {
        return startRun(run, WriterOptions.defaults());
    }

    /**
     * As {@link #startRun(NewRun)}, with options.
     *
     * @param run what to create
     * @param options how its metrics are written
     * @return the run
     */
    public ActiveRun startRun(NewRun run, WriterOptions options) {
        return ActiveRun.start(calls, run, options);
    }

    /**
     * Goes on with a run, which is RUNNING again and which this program must end.
     *
     * @param runId the run
     * @return the run
     */
    public ActiveRun resumeRun(String runId) {
        return ActiveRun.resume(calls, runId, WriterOptions.defaults());
    }

    /**
     * Works in a run, which ends as FINISHED, or as FAILED when the work throws.
     *
     * @param <E> what the work throws
     * @param run what to create
     * @param work the work
     * @throws E what the work throws, as it is
     */
    public <E extends Exception> void withRun(NewRun run, RunAction<E> work) throws E {
        RunFunction<Void, E> function = started -> {
            work.accept(started);
            return null;
        };
        callWithRun(run, function);
    }

    /**
     * As {@link #withRun}, for work with a result.
     *
     * @param <T> the result
     * @param <E> what the work throws
     * @param run what to create
     * @param work the work
     * @return its result
     * @throws E what the work throws, as it is
     */
    public <T, E extends Exception> T callWithRun(NewRun run, RunFunction<T, E> work) throws E {
        try (ActiveRun started = startRun(run)) {
            T result;
            try {
                result = work.apply(started);
            } catch (Throwable error) {
                started.fail(error);
                throw error;
            }
            started.finish();
            return result;
        }
    }

    /** {@return the files of runs} */
    public Artifacts artifacts() {
        return new Artifacts(calls);
    }

    /** {@return verbs on registered models and their aliases} */
    public RegisteredModels registeredModels() {
        return new RegisteredModels(calls);
    }

    /** {@return verbs on versions of registered models} */
    public ModelVersions modelVersions() {
        return new ModelVersions(calls);
    }

    /** {@return verbs on logged models} */
    public LoggedModels loggedModels() {
        return new LoggedModels(calls);
    }

    /** {@return what happened in the model registry} */
    public Registry registry() {
        return new Registry(calls);
    }

    /** {@return verbs on webhooks} */
    public Webhooks webhooks() {
        return new Webhooks(calls);
    }

    /** {@return version, storage and limits of the server} */
    public ServerInfo serverInfo() {
        return calls.call(ServerServiceGrpc.getGetServerInfoMethod(), GetServerInfoRequest.getDefaultInstance())
                .getServer();
    }

    /** {@return size and upkeep of the server's database, and what to do about it} */
    public DatabaseStatus databaseStatus() {
        return calls.call(
                        ServerServiceGrpc.getGetDatabaseStatusMethod(), GetDatabaseStatusRequest.getDefaultInstance())
                .getStatus();
    }

    /** Closes the connection; calls under way are cancelled. */
    @Override
    public void close() {
        connection.close();
    }

    @Override
    public String toString() {
        return "MilepostClient(" + calls.settings().address() + ")";
    }

    /** How to reach a tracking server. */
    public static final class Builder extends ConnectionBuilder<Builder> {
        private Builder() {
            super("MILEPOST_TRACKING_URI", "127.0.0.1:5001");
        }

        /**
         * {@return the client, which connects on first use}
         *
         * @throws IllegalArgumentException when the settings contradict each other
         */
        public MilepostClient build() {
            ConnectionSettings settings = settings();
            Connection connection = new Connection(settings);
            return new MilepostClient(connection, new Calls(connection, settings));
        }
    }
}
