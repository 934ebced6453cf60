package dev.milepost.client.tracking;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.values.Times;
import dev.milepost.client.writer.LoggingException;
import dev.milepost.client.writer.MetricWriter;
import dev.milepost.client.writer.WriterOptions;
import dev.milepost.v1.Artifact;
import dev.milepost.v1.Run;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;

/**
 * A run that this program is in. Metrics are logged in the background, see {@link MetricWriter}; all else waits for the
 * server and fails as the verbs of {@link RunHandle}. Safe to use from all threads.
 *
 * <pre>{@code
 * try (ActiveRun run = client.startRun(experiment.id())) {
 *     run.logParam("lr", 3e-4);
 *     run.logMetric("loss", 0.3, 1);
 *     run.finish();
 * }
 * }</pre>
 *
 * <p>{@link #finish} says that the work succeeded. A run that is closed without that ends as FAILED, since
 * {@code close} cannot see an exception; one that is open when the JVM ends, other than by a kill, as KILLED, if the
 * server answers within some seconds.
 */
public final class ActiveRun implements AutoCloseable {
    /** How long ending a run waits for its points unless another time is given: 60 s. */
    public static final Duration FLUSH_TIMEOUT = Duration.ofSeconds(60);

    private static final System.Logger LOG = System.getLogger(ActiveRun.class.getName());

    private final Calls calls;
    private final RunHandle handle;
    private final WriterOptions options;
    private final Object opening = new Object();
    private volatile MetricWriter writer;
    /** How it ends, once somebody has said so; null before. */
    private volatile Run.State said;

    private boolean ended;

    private ActiveRun(Calls calls, RunHandle handle, WriterOptions options) {
        this.calls = calls;
        this.handle = handle;
        // Ending the run flushes for as long as its caller wants; closing the writer then must not wait again.
        this.options = options.closeTimeout(Duration.ZERO);
        OpenRuns.add(this);
    }

    /**
     * Starts a run, with tags that say where the code comes from ({@code milepost.host}, {@code milepost.command} and
     * so on, see {@link Run}) beside those given.
     *
     * @param calls the connection
     * @param run what to create
     * @param options how its metrics are written
     * @return the run
     */
    public static ActiveRun start(Calls calls, NewRun run, WriterOptions options) {
        Run wanted = run.request().getRun();
        NewRun whole = run.with(proto -> proto.clearTags()
                .putAllTags(Provenance.tags())
                .putAllTags(wanted.getTagsMap())
                .setUser(wanted.getUser().isEmpty() ? Provenance.user() : wanted.getUser())
                .setStartTime(wanted.hasStartTime() ? wanted.getStartTime() : Times.timestamp(Instant.now())));
        return new ActiveRun(calls, new Runs(calls).create(whole), options);
    }

    /**
     * Goes on with a run, which is RUNNING again.
     *
     * @param calls the connection
     * @param id the run
     * @param options how its metrics are written
     * @return the run
     */
    public static ActiveRun resume(Calls calls, String id, WriterOptions options) {
        RunUpdate running = RunUpdate.none().state(Run.State.STATE_RUNNING).clear("end_time");
        return new ActiveRun(calls, new Runs(calls).update(id, running), options);
    }

    /** {@return the run as it was when it began, with further verbs} */
    public RunHandle handle() {
        return handle;
    }

    /** {@return the id} */
    public String id() {
        return handle.id();
    }

    /**
     * Logs a point with the time of now, without waiting for the server.
     *
     * @param key name of the metric: 1-500 characters, no control characters
     * @param value any double; NaN keeps its bits
     * @param step position on the training axis
     * @throws IllegalStateException when the run has ended
     */
    public void logMetric(String key, double value, long step) {
        metricWriter().log(key, value, step);
    }

    /**
     * Logs a point, without waiting for the server.
     *
     * @param key name of the metric: 1-500 characters, no control characters
     * @param value any double; NaN keeps its bits
     * @param step position on the training axis
     * @param timestampMs when it was measured, in milliseconds since the Unix epoch
     * @throws IllegalStateException when the run has ended
     */
    public void logMetric(String key, double value, long step, long timestampMs) {
        metricWriter().log(key, value, step, timestampMs);
    }

    /**
     * Logs a point of each of some metrics with the time of now, without waiting for the server.
     *
     * @param metrics values by key
     * @param step their position on the training axis
     * @throws IllegalStateException when the run has ended
     */
    public void logMetrics(Map<String, ? extends Number> metrics, long step) {
        metricWriter().log(metrics, step);
    }

    /**
     * {@return the writer of its metrics, opened when it is first asked for; it ends with the run}
     *
     * @throws IllegalStateException when the run has ended
     */
    public MetricWriter metricWriter() {
        MetricWriter open = writer;
        return open == null || said != null ? openWriter() : open;
    }

    /**
     * Logs a param, as {@link RunHandle#logParam}.
     *
     * @param key 1-500 characters
     * @param value see {@link ParamValues#of}
     * @throws IllegalArgumentException when the value is none of a param
     */
    public void logParam(String key, Object value) {
        handle.logParam(key, value);
    }

    /**
     * Logs params, all or none.
     *
     * @param params values by key, at most 5,000
     * @throws IllegalArgumentException when a value is none of a param
     */
    public void logParams(Map<String, ?> params) {
        handle.logParams(params);
    }

    /**
     * Adds or changes a tag.
     *
     * @param key 1-250 characters
     * @param value at most 65,535 characters
     */
    public void setTag(String key, String value) {
        handle.setTag(key, value);
    }

    /**
     * Adds or changes tags, all or none.
     *
     * @param tags values by key, at most 1,000
     */
    public void setTags(Map<String, String> tags) {
        handle.setTags(tags);
    }

    /** As {@link RunHandle#logInputs}. */
    public void logInputs(RunInputs inputs) {
        handle.logInputs(inputs);
    }

    /** As {@link RunHandle#uploadArtifact}. */
    public List<Artifact> uploadArtifact(Path source, String path) {
        return handle.uploadArtifact(source, path);
    }

    /**
     * Waits until the metrics that were logged before are stored or refused.
     *
     * @param timeout the longest time to wait
     * @return as {@link MetricWriter#flush}
     * @throws LoggingException as {@link MetricWriter#flush}
     */
    public boolean flush(Duration timeout) {
        MetricWriter open = writer;
        return open == null || open.flush(timeout);
    }

    /**
     * Ends it as FINISHED, after waiting {@link #FLUSH_TIMEOUT} at most for its points. Does nothing once it has ended.
     *
     * @throws dev.milepost.client.errors.MilepostException when the server does not record the end; then this can be
     *     called again. Points that were not sent wait on disk, see {@link MetricWriter}.
     * @throws LoggingException when strict, and not all points are stored; the run has ended nevertheless
     */
    public void finish() {
        finish(FLUSH_TIMEOUT);
    }

    /**
     * As {@link #finish()}, with another time.
     *
     * @param flushTimeout the longest time to wait for its points
     */
    public void finish(Duration flushTimeout) {
        end(Run.State.STATE_FINISHED, flushTimeout);
    }

    /**
     * As {@link #finish()}, in another state.
     *
     * @param state how it ends, for example {@code STATE_KILLED}
     */
    public void end(Run.State state) {
        end(state, FLUSH_TIMEOUT);
    }

    /**
     * Ends it as FAILED, after waiting {@link #FLUSH_TIMEOUT} at most for its points. Does nothing once it has ended.
     * Throws nothing: what goes wrong is added to the cause, which matters more.
     *
     * @param cause why the work failed
     */
    public void fail(Throwable cause) {
        Objects.requireNonNull(cause, "cause");
        try {
            end(Run.State.STATE_FAILED, FLUSH_TIMEOUT);
        } catch (RuntimeException problem) {
            if (problem != cause) {
                cause.addSuppressed(problem);
            }
        }
    }

    /**
     * Ends it as FAILED unless {@link #finish} or {@link #fail} were called, and closes the writer of its metrics.
     *
     * @throws dev.milepost.client.errors.MilepostException when the server does not record the end
     * @throws LoggingException when strict, and not all points are stored
     */
    @Override
    public void close() {
        try {
            if (said == null) {
                LOG.log(
                        System.Logger.Level.WARNING,
                        "Run {0} was closed without finish() and ends as FAILED.",
                        id());
                end(Run.State.STATE_FAILED, FLUSH_TIMEOUT);
            }
        } finally {
            leave();
        }
    }

    @Override
    public String toString() {
        return "ActiveRun(" + id() + ", " + handle.name() + ")";
    }

    private MetricWriter openWriter() {
        synchronized (opening) {
            if (said != null) {
                throw new IllegalStateException("Run " + id() + " has ended. To go on with it, resume it.");
            }
            if (writer == null) {
                writer = MetricWriter.open(calls, id(), options);
            }
            return writer;
        }
    }

    private synchronized void end(Run.State state, Duration flushTimeout) {
        if (ended) {
            return;
        }
        synchronized (opening) {
            said = state;
        }
        // An interrupt that ended the work must not keep its end from being recorded.
        boolean interrupted = Thread.interrupted();
        try {
            LoggingException lost = null;
            try {
                flush(flushTimeout);
            } catch (LoggingException error) {
                lost = error;
            }
            handle.end(state);
            leave();
            if (lost != null) {
                throw lost;
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private synchronized void leave() {
        ended = true;
        OpenRuns.remove(this);
        if (writer != null) {
            writer.close();
        }
    }

    /** Sends what is queued, while the JVM ends. */
    void flushAtExit(Duration timeout) {
        try {
            flush(timeout);
        } catch (LoggingException lost) {
            // The writer has said so.
        }
    }

    /** Ends it as KILLED, unless its end was said, while the JVM ends. Completes when that is done or has failed. */
    CompletableFuture<?> endAtExit() {
        Run.State state = said == null ? Run.State.STATE_KILLED : said;
        return new Runs(calls.withTimeout(OpenRuns.EXIT_WAIT))
                .updateAsync(id(), RunUpdate.none().state(state).endTime(Instant.now()))
                .exceptionally(notRecorded -> null);
    }
}
