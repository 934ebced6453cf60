package dev.milepost.client.context;

import dev.milepost.client.errors.MilepostException;
import dev.milepost.client.tracking.ActiveRun;
import dev.milepost.v1.Run;
import java.nio.file.Path;
import java.util.Map;

/**
 * A run that this program is in, with the methods of MLflow's {@code ActiveRun}. Metrics are logged in the background,
 * and an error of theirs is a warning in the log, see {@link dev.milepost.client.writer.MetricWriter}; all else waits
 * for the server and throws {@link MilepostException} when it refuses or does not answer.
 *
 * <p>A run that is open when the JVM ends, other than by a kill, ends as KILLED; with MLflow's client it stays RUNNING.
 */
public final class ContextRun {
    private static final long NO_STEP = 0;

    private final ActiveRun run;

    ContextRun(ActiveRun run) {
        this.run = run;
    }

    /** {@return the same run with all that Milepost can do with it} */
    public ActiveRun activeRun() {
        return run;
    }

    /** {@return the run's id} */
    public String getId() {
        return run.id();
    }

    /**
     * Logs a param. Logging it again with another value is refused.
     *
     * @param key 1-500 characters
     * @param value text, as MLflow has it; or a boolean or number, which stays one:
     *     see {@link dev.milepost.client.tracking.ParamValues#of}
     * @throws IllegalArgumentException when the value is none of a param
     */
    public void logParam(String key, Object value) {
        run.logParam(key, value);
    }

    /**
     * Logs params, all or none.
     *
     * @param params values by key as of {@link #logParam}, at most 5,000
     * @throws IllegalArgumentException when a value is none of a param
     */
    public void logParams(Map<String, ?> params) {
        run.logParams(params);
    }

    /**
     * Adds or changes a tag.
     *
     * @param key 1-250 characters
     * @param value at most 65,535 characters
     */
    public void setTag(String key, String value) {
        run.setTag(key, value);
    }

    /**
     * Adds or changes tags, all or none.
     *
     * @param tags values by key, at most 1,000
     */
    public void setTags(Map<String, String> tags) {
        run.setTags(tags);
    }

    /**
     * Logs a point at step 0 with the time of now, without waiting for the server.
     *
     * @param key 1-500 characters, no control characters
     * @param value any double, kept bit for bit; MLflow's server changes infinities
     * @throws IllegalStateException when the run has ended; MLflow's client logs on
     */
    public void logMetric(String key, double value) {
        run.logMetric(key, value, NO_STEP);
    }

    /**
     * Logs a point with the time of now, without waiting for the server.
     *
     * @param key 1-500 characters, no control characters
     * @param value any double, kept bit for bit
     * @param step position on the training axis; any int64, where MLflow takes an int
     * @throws IllegalStateException when the run has ended
     */
    public void logMetric(String key, double value, long step) {
        run.logMetric(key, value, step);
    }

    /**
     * Logs a point of each of some metrics at step 0 with the time of now, without waiting for the server.
     *
     * @param metrics values by key
     * @throws IllegalStateException when the run has ended
     */
    public void logMetrics(Map<String, ? extends Number> metrics) {
        run.logMetrics(metrics, NO_STEP);
    }

    /**
     * Logs a point of each of some metrics with the time of now, without waiting for the server.
     *
     * @param metrics values by key
     * @param step their position on the training axis
     * @throws IllegalStateException when the run has ended
     */
    public void logMetrics(Map<String, ? extends Number> metrics, long step) {
        run.logMetrics(metrics, step);
    }

    /**
     * Uploads a file under its own name. No Python is needed.
     *
     * @param file the file
     * @throws java.io.UncheckedIOException when it cannot be read
     */
    public void logArtifact(Path file) {
        run.uploadArtifact(file, name(file));
    }

    /**
     * Uploads a file, under its own name in an artifact directory.
     *
     * @param file the file
     * @param directory the artifact directory, for example {@code plots}; empty for that of the run
     * @throws java.io.UncheckedIOException when it cannot be read
     */
    public void logArtifact(Path file, String directory) {
        String name = name(file);
        run.uploadArtifact(file, directory.isEmpty() ? name : directory + "/" + name);
    }

    /**
     * Uploads all files below a folder.
     *
     * @param folder the folder, which gives no name to what is in it
     * @throws java.io.UncheckedIOException when a file cannot be read
     */
    public void logArtifacts(Path folder) {
        run.uploadArtifact(folder, "");
    }

    /**
     * Uploads all files below a folder into an artifact directory.
     *
     * @param folder the folder, which gives no name to what is in it
     * @param directory the artifact directory; empty for that of the run
     * @throws java.io.UncheckedIOException when a file cannot be read
     */
    public void logArtifacts(Path folder, String directory) {
        run.uploadArtifact(folder, directory);
    }

    /**
     * {@return the folder of the run's artifacts as a URL of the server's artifact store, which only the server reads;
     * {@code getClient().artifacts()} downloads}
     */
    public String getArtifactUri() {
        return run.handle().artifactRoot();
    }

    /**
     * Ends it as FINISHED, once its metrics are stored: waits {@link ActiveRun#FLUSH_TIMEOUT} at most for them. Does
     * nothing once it has ended.
     */
    public void endRun() {
        run.finish();
    }

    /**
     * Ends it in a state, as {@link #endRun()}.
     *
     * @param state how it ends, for example {@code STATE_FAILED}
     */
    public void endRun(Run.State state) {
        run.end(state);
    }

    @Override
    public String toString() {
        return "ContextRun(" + getId() + ")";
    }

    private static String name(Path file) {
        return file.toAbsolutePath().normalize().getFileName().toString();
    }
}
