package dev.milepost.client.context;

import dev.milepost.client.MilepostClient;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.client.tracking.NewRun;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * Starts runs in one experiment, as MLflow's {@code MlflowContext} does.
 *
 * <pre>{@code
 * try (MilepostContext context = new MilepostContext("127.0.0.1:5001")) {
 *     context.setExperimentName("digits");
 *     context.withActiveRun("baseline", run -> {
 *         run.logParam("alpha", "0.5");
 *         run.logMetric("mse", 0.25);
 *     });
 * }
 * }</pre>
 *
 * <p>New programs need none of this: {@link MilepostClient#startRun(String)} and {@link MilepostClient#withRun} do the
 * same. Every method that asks the server throws {@link MilepostException} when it refuses or does not answer.
 */
public final class MilepostContext implements AutoCloseable {
    private static final String DEFAULT_EXPERIMENT = "0";

    private final MilepostClient client;
    private final boolean ownsClient;
    private String experimentId = DEFAULT_EXPERIMENT;

    /**
     * Works with the server of the environment: {@code MILEPOST_TRACKING_URI}, else {@code 127.0.0.1:5001}.
     *
     * @throws IllegalArgumentException when the variable has no address of a server
     */
    public MilepostContext() {
        this(MilepostClient.builder().build(), true);
    }

    /**
     * Works with a server.
     *
     * @param target {@code host:port}, {@code grpc://host:port} or {@code grpcs://host:port}: the gRPC port, where
     *     MLflow takes a URL
     * @throws IllegalArgumentException when it has none of these forms
     */
    public MilepostContext(String target) {
        this(MilepostClient.connect(target), true);
    }

    /**
     * Works with a client, which its owner closes.
     *
     * @param client the client
     */
    public MilepostContext(MilepostClient client) {
        this(client, false);
    }

    private MilepostContext(MilepostClient client, boolean ownsClient) {
        this.client = Objects.requireNonNull(client, "client");
        this.ownsClient = ownsClient;
    }

    /** {@return the client, for all that a context does not do} */
    public MilepostClient getClient() {
        return client;
    }

    /**
     * Chooses the experiment of the runs to come. It must exist: {@code getClient().experiments().getOrCreate(name)}
     * sees to that.
     *
     * @param name its name
     * @return this context
     * @throws IllegalArgumentException when there is none of that name
     */
    public MilepostContext setExperimentName(String name) {
        try {
            return setExperimentId(client.experiments().getByName(name).id());
        } catch (NotFoundException none) {
            throw new IllegalArgumentException(name + " is not a valid experiment: " + none.getMessage(), none);
        }
    }

    /**
     * Chooses the experiment of the runs to come.
     *
     * @param id its id; that it exists is seen when a run starts
     * @return this context
     */
    public MilepostContext setExperimentId(String id) {
        experimentId = Objects.requireNonNull(id, "id");
        return this;
    }

    /** {@return the id of the experiment of the runs to come; {@code 0}, that of {@code Default}, unless chosen} */
    public String getExperimentId() {
        return experimentId;
    }

    /** {@return a run with a name that the server makes up, to be ended by {@link ContextRun#endRun()}} */
    public ContextRun startRun() {
        return new ContextRun(client.startRun(NewRun.in(experimentId)));
    }

    /**
     * {@return a run, to be ended by {@link ContextRun#endRun()}}
     *
     * @param name shown in lists, 1-250 characters
     */
    public ContextRun startRun(String name) {
        return new ContextRun(client.startRun(named(name)));
    }

    /**
     * {@return a run nested in another one, to be ended by {@link ContextRun#endRun()}}
     *
     * @param name shown in lists, 1-250 characters
     * @param parentRunId an active run of the same experiment; as with MLflow null for none
     */
    public ContextRun startRun(String name, String parentRunId) {
        NewRun run = named(name);
        return new ContextRun(client.startRun(parentRunId == null ? run : run.parent(parentRunId)));
    }

    /**
     * Works in a run with a name that the server makes up, as {@link #withActiveRun(String, Consumer)}.
     *
     * @param work the work
     */
    public void withActiveRun(Consumer<ContextRun> work) {
        client.withRun(NewRun.in(experimentId), run -> work.accept(new ContextRun(run)));
    }

    /**
     * Works in a run, which ends as FINISHED, or as FAILED when the work throws. What it throws reaches the caller,
     * where MLflow's client keeps exceptions to itself.
     *
     * @param name shown in lists, 1-250 characters
     * @param work the work
     */
    public void withActiveRun(String name, Consumer<ContextRun> work) {
        client.withRun(named(name), run -> work.accept(new ContextRun(run)));
    }

    /** Closes the client, unless the context was given it. Runs that were not ended are to be ended before. */
    @Override
    public void close() {
        if (ownsClient) {
            client.close();
        }
    }

    private NewRun named(String name) {
        return NewRun.in(experimentId).name(name);
    }
}
