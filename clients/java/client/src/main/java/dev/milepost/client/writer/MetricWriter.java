package dev.milepost.client.writer;

import dev.milepost.client.calls.Calls;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Logs metric points of one run in the background. Safe to use from all threads.
 *
 * <p>Logging appends to a queue in memory and returns: it never waits for the server, and throws nothing for what the
 * server says. It waits only while the queue is full, 0.1 s at most; points that find no room then are lost, counted by
 * {@link #dropped}, and a warning is logged. Points are sent in the order in which they were logged, none twice, over
 * broken connections and restarts of the server. While the server is away they wait in memory and in a file on disk.
 * Points that the server refuses, for example for their key, are counted by {@link #refused}, with a warning for each
 * reason. A writer takes at most 64 MiB of memory.
 *
 * <pre>{@code
 * MetricWriter writer = run.metricWriter();    // the run closes it
 * for (long step = 0; step < steps; step++) {
 *     writer.log("loss", trainer.next(), step);
 * }
 * }</pre>
 *
 * <p>A writer must be closed by who opened it, before the client is. One that is open when the JVM ends, other than by
 * a kill, is closed then. For processes of a cluster, see {@link MetricSink}.
 */
public final class MetricWriter implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(MetricWriter.class.getName());
    private static final int MAX_RUN_ID = 64;

    private final Delivery delivery;
    private final PointQueue queue;
    private final Losses losses;
    private final Sharing sharing;
    private final AtomicBoolean isClosed = new AtomicBoolean();

    /** Who else uses a delivery, and what is to be closed with it. */
    interface Sharing {
        /** Notes that a writer closes. Returns whether it was the last one, which is to close the delivery. */
        boolean leave();

        /** Closes what the last one leaves. */
        void end();
    }

    private MetricWriter(Delivery delivery, Sharing sharing) {
        this.delivery = delivery;
        this.queue = delivery.queue();
        this.losses = delivery.losses();
        this.sharing = sharing;
    }

    /**
     * Opens a writer with the default options. Does not wait for the server.
     *
     * @param calls the connection to the server
     * @param runId the run's id
     * @return the writer
     * @throws IllegalArgumentException when the id can be none, or a variable of the environment cannot be read
     */
    public static MetricWriter open(Calls calls, String runId) {
        return open(calls, runId, WriterOptions.defaults());
    }

    /**
     * Opens a writer. Does not wait for the server.
     *
     * @param calls the connection to the server
     * @param runId the run's id
     * @param options how it writes
     * @return the writer
     * @throws IllegalArgumentException when the id can be none, or a variable of the environment cannot be read
     */
    public static MetricWriter open(Calls calls, String runId, WriterOptions options) {
        return open(calls, runId, options, Limits.DEFAULT);
    }

    static MetricWriter open(Calls calls, String runId, WriterOptions options, Limits limits) {
        checkRunId(runId);
        return new MetricWriter(Delivery.start(calls, runId, options, limits), new Sharing() {
            @Override
            public boolean leave() {
                return true;
            }

            @Override
            public void end() {}
        });
    }

    static MetricWriter shared(Delivery delivery, Sharing sharing) {
        return new MetricWriter(delivery, sharing);
    }

    static void checkRunId(String runId) {
        if (runId.isEmpty() || runId.length() > MAX_RUN_ID) {
            throw new IllegalArgumentException("runId: '" + runId + "' is no id of a run. Give what the server made.");
        }
    }

    /**
     * Logs a point with the time of now.
     *
     * @param key name of the metric: 1-500 characters, no control characters
     * @param value any double; NaN keeps its bits
     * @param step position on the training axis
     */
    public void log(String key, double value, long step) {
        log(key, value, step, System.currentTimeMillis());
    }

    /**
     * Logs a point.
     *
     * @param key name of the metric: 1-500 characters, no control characters
     * @param value any double; NaN keeps its bits
     * @param step position on the training axis
     * @param timestampMs when it was measured, in milliseconds since the Unix epoch
     */
    public void log(String key, double value, long step, long timestampMs) {
        Objects.requireNonNull(key, "key");
        int outcome = queue.add(key, value, step, timestampMs);
        if (outcome != 1) {
            lost(key, 1, outcome);
        }
    }

    /**
     * Logs many points of one metric, which is faster than one by one. The arrays are copied.
     *
     * @param key name of the metric: 1-500 characters, no control characters
     * @param values any doubles
     * @param steps their positions on the training axis
     * @param timestampsMs when they were measured, in milliseconds since the Unix epoch
     * @throws IllegalArgumentException when the arrays differ in length
     */
    public void log(String key, double[] values, long[] steps, long[] timestampsMs) {
        Objects.requireNonNull(key, "key");
        if (values.length != steps.length || values.length != timestampsMs.length) {
            throw new IllegalArgumentException("The columns differ in length: " + values.length + " values, "
                    + steps.length + " steps, " + timestampsMs.length + " times.");
        }
        for (int from = 0; from < values.length; ) {
            int outcome = queue.addColumns(key, values, steps, timestampsMs, from);
            if (outcome < 1) {
                lost(key, values.length - from, outcome);
                return;
            }
            from += outcome;
        }
    }

    /**
     * Logs a point for each of several metrics, with the time of now.
     *
     * @param values the values by key, each taken as a double
     * @param step position on the training axis
     */
    public void log(Map<String, ? extends Number> values, long step) {
        long now = System.currentTimeMillis();
        values.forEach((key, value) -> log(key, value.doubleValue(), step, now));
    }

    /**
     * Waits until all that was logged before is stored or refused.
     *
     * @param timeout the longest time to wait
     * @return whether all is stored: it came in time, and nothing was refused or lost since the last flush; an
     *     interrupt ends the wait and is left set
     * @throws LoggingException when strict, and something was refused or lost since the last flush
     */
    public boolean flush(Duration timeout) {
        boolean inTime = delivery.flush(timeout);
        Losses.Report report = losses.take();
        raiseIfStrict(report);
        return inTime && report.isEmpty();
    }

    /**
     * Waits until all is stored or refused, for {@link WriterOptions#closeTimeout} at most, and ends. What was not sent
     * then waits in the spool folder for the next writer to the same server, or {@code milepost sync}; a warning says
     * so. Points logged later are lost. Closing again does nothing; an interrupt ends the wait and is left set.
     *
     * @throws LoggingException when strict, and something was refused, lost or not sent
     */
    @Override
    public void close() {
        if (!isClosed.compareAndSet(false, true)) {
            return;
        }
        Duration timeout = delivery.options().closeTimeout();
        if (sharing.leave()) {
            delivery.leave(timeout);
            delivery.join(timeout);
            sharing.end();
        } else {
            delivery.flush(timeout);
        }
        Losses.Report report = losses.take();
        String left = delivery.leftBehind().orElse(null);
        if (left != null) {
            LOG.log(System.Logger.Level.WARNING, left);
            report = report.with(left);
        }
        raiseIfStrict(report);
    }

    /** {@return how many points are neither stored nor refused yet} */
    public long pending() {
        return delivery.pending();
    }

    /** {@return how many points were refused for good, by the server or by this client} */
    public long refused() {
        return losses.refused();
    }

    /** {@return how many points were lost because they found no room, or came after the writer was closed} */
    public long dropped() {
        return losses.dropped();
    }

    private void lost(String key, int points, int outcome) {
        switch (outcome) {
            case PointQueue.KEY_TOO_LONG -> losses.refuse(
                    delivery.metric(key), points, Delivery.badKey("it has " + key.length() + " characters."));
            case PointQueue.CLOSED -> losses.drop(
                    "CLOSED", "The writer is closed: metric points logged to it later are LOST.", points);
            default -> losses.drop(
                    "QUEUE_FULL",
                    "The server takes no more, and memory and the spool folder for metric points are full: newer "
                            + "points are LOST until there is room again.",
                    points);
        }
    }

    private void raiseIfStrict(Losses.Report report) {
        if (delivery.isStrict() && !report.isEmpty()) {
            throw new LoggingException(
                    "Not everything that was logged is stored: " + String.join(" ", report.examples()),
                    report.first());
        }
    }
}
