package dev.milepost.client.tracking;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.paging.Pages;
import dev.milepost.client.values.Times;
import dev.milepost.client.watching.RunChanges;
import dev.milepost.client.watching.Watch;
import dev.milepost.v1.Experiment;
import dev.milepost.v1.PurgeSummary;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * An experiment as it was when it was read. It never changes: verbs that change the experiment return it anew. They
 * fail as those of {@link Experiments}.
 */
public final class ExperimentHandle {
    private final Calls calls;
    private final Experiment proto;

    ExperimentHandle(Calls calls, Experiment proto) {
        this.calls = calls;
        this.proto = proto;
    }

    /** {@return the resource itself} */
    public Experiment proto() {
        return proto;
    }

    /** {@return the id} */
    public String id() {
        return proto.getExperimentId();
    }

    /** {@return the unique name} */
    public String name() {
        return proto.getName();
    }

    /** {@return free text} */
    public String description() {
        return proto.getDescription();
    }

    /** {@return labels by key} */
    public Map<String, String> tags() {
        return proto.getTagsMap();
    }

    /** {@return URL of the folder of its runs' artifacts} */
    public String artifactRoot() {
        return proto.getArtifactRoot();
    }

    /** {@return when it was created} */
    public Instant createTime() {
        return Times.instant(proto.getCreateTime());
    }

    /** {@return when it was last changed} */
    public Instant updateTime() {
        return Times.instant(proto.getUpdateTime());
    }

    /** {@return whether it is deleted and not purged yet} */
    public boolean isDeleted() {
        return proto.hasDeleteTime();
    }

    /** {@return what changes with every change} */
    public String etag() {
        return proto.getEtag();
    }

    /** {@return the experiment as it is now} */
    public ExperimentHandle refresh() {
        return experiments().get(id());
    }

    /** As {@link #refresh}, without waiting. */
    public CompletableFuture<ExperimentHandle> refreshAsync() {
        return experiments().getAsync(id());
    }

    /**
     * Changes what the update names.
     *
     * @param update what to change
     * @return the experiment as it is now
     */
    public ExperimentHandle update(ExperimentUpdate update) {
        return experiments().update(id(), update);
    }

    /** As {@link #update}, without waiting. */
    public CompletableFuture<ExperimentHandle> updateAsync(ExperimentUpdate update) {
        return experiments().updateAsync(id(), update);
    }

    /**
     * Adds or changes a tag.
     *
     * @param key 1-250 characters
     * @param value at most 20,000 characters
     * @return the experiment as it is now
     */
    public ExperimentHandle setTag(String key, String value) {
        return setTags(Map.of(key, value));
    }

    /**
     * Adds or changes tags, leaving the others.
     *
     * @param tags values by key
     * @return the experiment as it is now
     */
    public ExperimentHandle setTags(Map<String, String> tags) {
        return Calls.await(setTagsAsync(tags));
    }

    /** As {@link #setTags}, without waiting. */
    public CompletableFuture<ExperimentHandle> setTagsAsync(Map<String, String> tags) {
        return experiments().updateTagsAsync(id(), tags, List.of());
    }

    /**
     * Removes tags. Fails with {@code TAG_NOT_FOUND} for one that is not there.
     *
     * @param keys their keys
     * @return the experiment as it is now
     */
    public ExperimentHandle deleteTags(String... keys) {
        return Calls.await(deleteTagsAsync(keys));
    }

    /** As {@link #deleteTags}, without waiting. */
    public CompletableFuture<ExperimentHandle> deleteTagsAsync(String... keys) {
        return experiments().updateTagsAsync(id(), Map.of(), List.of(keys));
    }

    /**
     * Creates a run in it.
     *
     * @param run what to create; the experiment that it names does not count
     * @return the run
     */
    public RunHandle createRun(NewRun run) {
        return Calls.await(createRunAsync(run));
    }

    /** As {@link #createRun}, without waiting. */
    public CompletableFuture<RunHandle> createRunAsync(NewRun run) {
        return new Runs(calls).createAsync(run.experiment(id()));
    }

    /** {@return its runs, latest start first} */
    public Pages<RunHandle> runs() {
        return runs("");
    }

    /**
     * {@return its runs that meet a condition, latest start first}
     *
     * @param filter in the filter language, for example {@code metrics.loss < 0.2}
     */
    public Pages<RunHandle> runs(String filter) {
        return new Runs(calls).list(RunQuery.in(id()).filter(filter));
    }

    /**
     * Marks it and its active runs as deleted; its name stays taken.
     *
     * @return the experiment as it is now
     */
    public ExperimentHandle delete() {
        return experiments().delete(id());
    }

    /** As {@link #delete}, without waiting. */
    public CompletableFuture<ExperimentHandle> deleteAsync() {
        return experiments().deleteAsync(id());
    }

    /**
     * Takes {@link #delete} back, for the runs that it took too.
     *
     * @return the experiment as it is now
     */
    public ExperimentHandle restore() {
        return experiments().restore(id());
    }

    /** As {@link #restore}, without waiting. */
    public CompletableFuture<ExperimentHandle> restoreAsync() {
        return experiments().restoreAsync(id());
    }

    /**
     * Removes it for good, with all its runs, once it is deleted.
     *
     * @return what was removed
     */
    public PurgeSummary purge() {
        return experiments().purge(id());
    }

    /** As {@link #purge}, without waiting. */
    public CompletableFuture<PurgeSummary> purgeAsync() {
        return experiments().purgeAsync(id());
    }

    /** {@return what {@link #purge} would remove} */
    public PurgeSummary previewPurge() {
        return experiments().previewPurge(id());
    }

    /** As {@link #previewPurge}, without waiting. */
    public CompletableFuture<PurgeSummary> previewPurgeAsync() {
        return experiments().previewPurgeAsync(id());
    }

    /** {@return what becomes of its runs from now on; see {@link Experiments#watch(String)}} */
    public Watch<RunChanges<RunHandle>> watch() {
        return experiments().watch(id());
    }

    @Override
    public String toString() {
        return "ExperimentHandle(" + id() + ", " + name() + ")";
    }

    private Experiments experiments() {
        return new Experiments(calls);
    }
}
