package dev.milepost.client.tracking;

import dev.milepost.client.artifacts.Artifacts;
import dev.milepost.client.calls.Calls;
import dev.milepost.client.paging.Pages;
import dev.milepost.client.watching.MetricUpdate;
import dev.milepost.client.watching.Watch;
import dev.milepost.client.writer.MetricWriter;
import dev.milepost.v1.Artifact;
import dev.milepost.v1.MetricPoints;
import dev.milepost.v1.PurgeSummary;
import dev.milepost.v1.Run;
import dev.milepost.v1.TrackingServiceGrpc;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * A run as it was when it was read. It never changes: verbs that change the run's own fields return it anew, and
 * {@link #refresh} shows what was logged. All verbs wait for the server, and fail as those of {@link Runs} and
 * {@link Metrics}.
 */
public final class RunHandle extends RunView {
    private final Calls calls;

    RunHandle(Calls calls, Run proto) {
        super(proto);
        this.calls = calls;
    }

    /** {@return the run as it is now} */
    public RunHandle refresh() {
        return runs().get(id());
    }

    /** As {@link #refresh}, without waiting. */
    public CompletableFuture<RunHandle> refreshAsync() {
        return runs().getAsync(id());
    }

    /**
     * Changes what the update names.
     *
     * @param update what to change
     * @return the run as it is now
     */
    public RunHandle update(RunUpdate update) {
        return runs().update(id(), update);
    }

    /** As {@link #update}, without waiting. */
    public CompletableFuture<RunHandle> updateAsync(RunUpdate update) {
        return runs().updateAsync(id(), update);
    }

    /**
     * Ends it now.
     *
     * @param state {@code STATE_FINISHED}, {@code STATE_FAILED} or {@code STATE_KILLED}
     * @return the run as it is now
     */
    public RunHandle end(Run.State state) {
        return Calls.await(endAsync(state));
    }

    /** As {@link #end}, without waiting. */
    public CompletableFuture<RunHandle> endAsync(Run.State state) {
        return updateAsync(RunUpdate.none().state(state).endTime(Instant.now()));
    }

    /**
     * Logs a param. It is written once: the same value again is fine, another one fails with {@code PARAM_CONFLICT}.
     *
     * @param key 1-500 characters
     * @param value see {@link ParamValues#of}
     * @throws IllegalArgumentException when the value is none of a param
     */
    public void logParam(String key, Object value) {
        Calls.await(send(RunBatch.builder().param(key, value).build()));
    }

    /**
     * Logs params, all or none; each as {@link #logParam}.
     *
     * @param params values by key, at most 5,000
     * @throws IllegalArgumentException when a value is none of a param
     */
    public void logParams(Map<String, ?> params) {
        Calls.await(logParamsAsync(params));
    }

    /** As {@link #logParams}, without waiting. */
    public CompletableFuture<Void> logParamsAsync(Map<String, ?> params) {
        return send(RunBatch.builder().params(params).build());
    }

    /**
     * Logs a point of each of some metrics, at the present time. {@link #metricWriter} does so without waiting.
     *
     * @param metrics values by key
     * @param step their position on the training axis
     * @return the number of points, once they are durable
     */
    public long logMetrics(Map<String, ? extends Number> metrics, long step) {
        return points().log(id(), metrics, step);
    }

    /** As {@link #logMetrics(Map, long)}, without waiting. */
    public CompletableFuture<Long> logMetricsAsync(Map<String, ? extends Number> metrics, long step) {
        return points().logAsync(id(), metrics, step);
    }

    /**
     * Logs columns of points.
     *
     * @param points for example of {@link Metrics#points}; at most 100,000 points in 20,000 columns
     * @return the number of points, once they are durable
     */
    public long logMetrics(Collection<MetricPoints> points) {
        return points().log(id(), points);
    }

    /** As {@link #logMetrics(Collection)}, without waiting. */
    public CompletableFuture<Long> logMetricsAsync(Collection<MetricPoints> points) {
        return points().logAsync(id(), points);
    }

    /**
     * Adds or changes a tag.
     *
     * @param key 1-250 characters
     * @param value at most 65,535 characters
     */
    public void setTag(String key, String value) {
        setTags(Map.of(key, value));
    }

    /**
     * Adds or changes tags, all or none.
     *
     * @param tags values by key, at most 1,000
     */
    public void setTags(Map<String, String> tags) {
        Calls.await(setTagsAsync(tags));
    }

    /** As {@link #setTags}, without waiting. */
    public CompletableFuture<Void> setTagsAsync(Map<String, String> tags) {
        return send(RunBatch.builder().tags(tags).build());
    }

    /**
     * Removes tags. Fails with {@code TAG_NOT_FOUND} for one that is not there.
     *
     * @param keys their keys, at least one
     */
    public void deleteTags(String... keys) {
        runs().deleteTags(id(), keys);
    }

    /** As {@link #deleteTags}, without waiting. */
    public CompletableFuture<Void> deleteTagsAsync(String... keys) {
        return runs().deleteTagsAsync(id(), keys);
    }

    /**
     * Logs params, tags and metric points in one transaction: all or nothing.
     *
     * @param batch what to log
     * @return the number of points stored, once they are durable
     */
    public long logBatch(RunBatch batch) {
        return runs().logBatch(id(), batch);
    }

    /** As {@link #logBatch}, without waiting. */
    public CompletableFuture<Long> logBatchAsync(RunBatch batch) {
        return runs().logBatchAsync(id(), batch);
    }

    /** Records datasets that it reads and logged models that it uses, as {@link Runs#logInputs}. */
    public void logInputs(RunInputs inputs) {
        runs().logInputs(id(), inputs);
    }

    /** As {@link #logInputs}, without waiting. */
    public CompletableFuture<Void> logInputsAsync(RunInputs inputs) {
        return runs().logInputsAsync(id(), inputs);
    }

    /**
     * Records logged models that it made; one that is recorded takes the new step.
     *
     * @param step position on the training axis at which they were saved
     * @param modelIds the logged models, at least one
     */
    public void logOutputs(long step, String... modelIds) {
        runs().logOutputs(id(), step, modelIds);
    }

    /** As {@link #logOutputs}, without waiting. */
    public CompletableFuture<Void> logOutputsAsync(long step, String... modelIds) {
        return runs().logOutputsAsync(id(), step, modelIds);
    }

    /**
     * {@return all points of a metric}
     *
     * @param key the metric
     */
    public MetricHistory metricHistory(String key) {
        return points().history(id(), key);
    }

    /** As {@link #metricHistory}, without waiting. */
    public CompletableFuture<MetricHistory> metricHistoryAsync(String key) {
        return points().historyAsync(id(), key);
    }

    /**
     * Takes back the points whose step is greater, for example before training goes on from a checkpoint.
     *
     * @param afterStep the last step to keep
     * @param keys the metrics; none for all
     * @return the number of points removed
     */
    public long rewindMetrics(long afterStep, String... keys) {
        return points().rewind(id(), afterStep, keys);
    }

    /** As {@link #rewindMetrics}, without waiting. */
    public CompletableFuture<Long> rewindMetricsAsync(long afterStep, String... keys) {
        return points().rewindAsync(id(), afterStep, keys);
    }

    /** {@return a writer that logs points to it in the background; to be closed} */
    public MetricWriter metricWriter() {
        return MetricWriter.open(calls, id());
    }

    /**
     * {@return its artifacts and directories}
     *
     * @param path of a directory; empty for all
     * @param recursive whether to list the files below it, in place of what is in it
     */
    public Pages<Artifact> artifacts(String path, boolean recursive) {
        return new Artifacts(calls).list(id(), path, recursive);
    }

    /**
     * Uploads a file, or a directory with all in it. {@link Artifacts} has more ways.
     *
     * @param source the file or directory
     * @param path where to, among its artifacts
     * @return the artifacts
     */
    public List<Artifact> uploadArtifact(Path source, String path) {
        return new Artifacts(calls).upload(id(), source, path);
    }

    /**
     * Downloads an artifact, or a directory of them. {@link Artifacts} has more ways.
     *
     * @param path of the artifact or directory
     * @param destination where to
     * @return the file or directory
     */
    public Path downloadArtifact(String path, Path destination) {
        return new Artifacts(calls).download(id(), path, destination);
    }

    /** {@return the run as it is now, marked as deleted} */
    public RunHandle delete() {
        return runs().delete(id());
    }

    /** As {@link #delete}, without waiting. */
    public CompletableFuture<RunHandle> deleteAsync() {
        return runs().deleteAsync(id());
    }

    /** {@return the run as it is now, no more marked as deleted} */
    public RunHandle restore() {
        return runs().restore(id());
    }

    /** As {@link #restore}, without waiting. */
    public CompletableFuture<RunHandle> restoreAsync() {
        return runs().restoreAsync(id());
    }

    /** Removes it for good, once it is deleted, and returns what was removed. */
    public PurgeSummary purge() {
        return runs().purge(id());
    }

    /** As {@link #purge}, without waiting. */
    public CompletableFuture<PurgeSummary> purgeAsync() {
        return runs().purgeAsync(id());
    }

    /** {@return what {@link #purge} would remove} */
    public PurgeSummary previewPurge() {
        return runs().previewPurge(id());
    }

    /** As {@link #previewPurge}, without waiting. */
    public CompletableFuture<PurgeSummary> previewPurgeAsync() {
        return runs().previewPurgeAsync(id());
    }

    /**
     * {@return it as it changes, see {@link Runs#watch}; this handle stays}
     *
     * @param fields to read; none for all
     */
    public Watch<RunHandle> watch(String... fields) {
        return runs().watch(id(), fields);
    }

    /**
     * {@return its points, see {@link Metrics#watch(String, String...)}}
     *
     * @param keys the metrics; none for all
     */
    public Watch<MetricUpdate> watchMetrics(String... keys) {
        return points().watch(id(), keys);
    }

    @Override
    public String toString() {
        return "RunHandle(" + id() + ", " + name() + ", " + state() + ")";
    }

    private CompletableFuture<Void> send(RunBatch batch) {
        return calls.start(TrackingServiceGrpc.getLogBatchMethod(), batch.of(id()), stored -> null);
    }

    private Runs runs() {
        return new Runs(calls);
    }

    private Metrics points() {
        return new Metrics(calls);
    }
}
