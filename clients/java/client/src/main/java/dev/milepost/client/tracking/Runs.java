package dev.milepost.client.tracking;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.paging.Page;
import dev.milepost.client.paging.Pages;
import dev.milepost.client.values.Masks;
import dev.milepost.client.watching.Watch;
import dev.milepost.client.watching.Watches;
import dev.milepost.v1.BatchGetRunsRequest;
import dev.milepost.v1.DeleteRunRequest;
import dev.milepost.v1.DeleteRunTagsRequest;
import dev.milepost.v1.GetRunRequest;
import dev.milepost.v1.ListRunKeysRequest;
import dev.milepost.v1.LogBatchResponse;
import dev.milepost.v1.PurgeRunRequest;
import dev.milepost.v1.PurgeRunResponse;
import dev.milepost.v1.PurgeRunsResponse;
import dev.milepost.v1.PurgeSummary;
import dev.milepost.v1.RestoreRunRequest;
import dev.milepost.v1.Run;
import dev.milepost.v1.RunGroup;
import dev.milepost.v1.RunValue;
import dev.milepost.v1.TrackingServiceGrpc;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * Verbs on runs. They throw {@link dev.milepost.client.errors.NotFoundException} ({@code RUN_NOT_FOUND}) for an id that
 * no run has, and {@link dev.milepost.client.errors.FailedPreconditionException} ({@code RUN_DELETED}) when they would
 * change a deleted one.
 */
public final class Runs {
    private final Calls calls;

    /**
     * Verbs over a connection.
     *
     * @param calls the connection
     */
    public Runs(Calls calls) {
        this.calls = calls;
    }

    /**
     * Creates a run. Fails with {@code RUN_EXISTS} when the id is taken, {@code EXPERIMENT_NOT_FOUND} and
     * {@code EXPERIMENT_DELETED}.
     *
     * @param run what to create
     * @return the run
     */
    public RunHandle create(NewRun run) {
        return Calls.await(createAsync(run));
    }

    /** As {@link #create}, without waiting. */
    public CompletableFuture<RunHandle> createAsync(NewRun run) {
        return calls.start(
                TrackingServiceGrpc.getCreateRunMethod(), run.request(), answer -> handle(answer.getRun()));
    }

    /**
     * Reads one, also a deleted one.
     *
     * @param id its id
     * @return the run
     */
    public RunHandle get(String id) {
        return Calls.await(getAsync(id));
    }

    /** As {@link #get}, without waiting. */
    public CompletableFuture<RunHandle> getAsync(String id) {
        return calls.start(
                TrackingServiceGrpc.getGetRunMethod(),
                GetRunRequest.newBuilder().setRunId(id).build(),
                answer -> handle(answer.getRun()));
    }

    /**
     * Reads several.
     *
     * @param ids their ids, at most 1,000
     * @param fields of {@link Run} to read; none for all
     * @return the runs in the order of the ids
     */
    public List<RunHandle> batchGet(Collection<String> ids, String... fields) {
        return Calls.await(batchGetAsync(ids, fields));
    }

    /** As {@link #batchGet}, without waiting. */
    public CompletableFuture<List<RunHandle>> batchGetAsync(Collection<String> ids, String... fields) {
        BatchGetRunsRequest.Builder request = BatchGetRunsRequest.newBuilder().addAllRunIds(ids);
        if (fields.length > 0) {
            request.setReadMask(Masks.of(fields));
        }
        return calls.start(
                TrackingServiceGrpc.getBatchGetRunsMethod(),
                request.build(),
                answer -> handles(answer.getRunsList()));
    }

    /**
     * {@return the runs of all experiments that meet a condition, latest start first}
     *
     * @param filter in the filter language, for example {@code metrics.loss < 0.2 AND params.depth >= 4}
     */
    public Pages<RunHandle> list(String filter) {
        return list(RunQuery.all().filter(filter));
    }

    /**
     * {@return runs}
     *
     * @param query which, and in which order
     */
    public Pages<RunHandle> list(RunQuery query) {
        return new RunQueries(calls, query.scope())
                .list(query, found -> new Page<>(handles(found.getRunsList()), found.getNextPageToken()));
    }

    /**
     * {@return how many runs there are}
     *
     * @param query which; order, fields and columns do not count
     */
    public long count(RunQuery query) {
        return Calls.await(countAsync(query));
    }

    /** As {@link #count}, without waiting. */
    public CompletableFuture<Long> countAsync(RunQuery query) {
        return new RunQueries(calls, query.scope()).count(query);
    }

    /**
     * {@return groups of runs that agree in something, each with its size and aggregates of metrics}
     *
     * @param query which runs; order, fields and columns do not count
     * @param grouping how, and in which order of the groups
     */
    public Pages<RunGroup> group(RunQuery query, RunGrouping grouping) {
        return new RunQueries(calls, query.scope()).group(query, grouping);
    }

    /**
     * {@return the distinct keys that runs have, by name}
     *
     * @param kind whether of params, tags or metrics
     * @param scope the experiments of the runs
     * @param prefix only keys that begin with this; empty for all
     */
    public Pages<String> keys(ListRunKeysRequest.Kind kind, ExperimentScope scope, String prefix) {
        return new RunQueries(calls, scope).keys(kind, prefix);
    }

    /**
     * {@return the distinct values of a param or tag as text, each with its number of runs}
     *
     * @param column such as {@code params.optimizer}
     * @param scope the experiments of the runs
     * @param prefix only values that begin with this; empty for all
     */
    public Pages<RunValue> values(String column, ExperimentScope scope, String prefix) {
        return new RunQueries(calls, scope).values(column, prefix);
    }

    /**
     * Changes what the update names.
     *
     * @param id the run
     * @param update what to change
     * @return the run as it is now
     * @throws dev.milepost.client.errors.AbortedException when the update gives an etag and it is old
     */
    public RunHandle update(String id, RunUpdate update) {
        return Calls.await(updateAsync(id, update));
    }

    /** As {@link #update}, without waiting. */
    public CompletableFuture<RunHandle> updateAsync(String id, RunUpdate update) {
        return calls.start(
                TrackingServiceGrpc.getUpdateRunMethod(), update.of(id), answer -> handle(answer.getRun()));
    }

    /**
     * Logs params, tags and metric points in one transaction: all or nothing. Fails with {@code PARAM_CONFLICT} when a
     * param has another value already.
     *
     * @param id the run
     * @param batch what to log
     * @return the number of points stored, once they are durable
     */
    public long logBatch(String id, RunBatch batch) {
        return Calls.await(logBatchAsync(id, batch));
    }

    /** As {@link #logBatch}, without waiting. */
    public CompletableFuture<Long> logBatchAsync(String id, RunBatch batch) {
        return calls.start(
                TrackingServiceGrpc.getLogBatchMethod(), batch.of(id), LogBatchResponse::getMetricPoints);
    }

    /**
     * Removes tags. Fails with {@code TAG_NOT_FOUND} for one that is not there.
     *
     * @param id the run
     * @param keys their keys, at least one
     */
    public void deleteTags(String id, String... keys) {
        Calls.await(deleteTagsAsync(id, keys));
    }

    /** As {@link #deleteTags}, without waiting. */
    public CompletableFuture<Void> deleteTagsAsync(String id, String... keys) {
        return calls.start(
                TrackingServiceGrpc.getDeleteRunTagsMethod(),
                DeleteRunTagsRequest.newBuilder().setRunId(id).addAllKeys(List.of(keys)).build(),
                answer -> null);
    }

    /**
     * Records datasets that a run reads, and logged models that it uses. Fails with {@code LOGGED_MODEL_NOT_FOUND}.
     *
     * @param id the run
     * @param inputs what it reads and uses
     */
    public void logInputs(String id, RunInputs inputs) {
        Calls.await(logInputsAsync(id, inputs));
    }

    /** As {@link #logInputs}, without waiting. */
    public CompletableFuture<Void> logInputsAsync(String id, RunInputs inputs) {
        return calls.start(TrackingServiceGrpc.getLogInputsMethod(), inputs.of(id), answer -> null);
    }

    /**
     * Records logged models that a run made; one that is recorded takes the new step. Fails with
     * {@code LOGGED_MODEL_NOT_FOUND}.
     *
     * @param id the run
     * @param step position on the training axis at which they were saved
     * @param modelIds the logged models, at least one
     */
    public void logOutputs(String id, long step, String... modelIds) {
        Calls.await(logOutputsAsync(id, step, modelIds));
    }

    /** As {@link #logOutputs}, without waiting. */
    public CompletableFuture<Void> logOutputsAsync(String id, long step, String... modelIds) {
        return calls.start(
                TrackingServiceGrpc.getLogOutputsMethod(), RunInputs.outputs(id, step, modelIds), answer -> null);
    }

    /**
     * Marks it as deleted.
     *
     * @param id the run
     * @return the run as it is now
     */
    public RunHandle delete(String id) {
        return Calls.await(deleteAsync(id));
    }

    /** As {@link #delete}, without waiting. */
    public CompletableFuture<RunHandle> deleteAsync(String id) {
        return calls.start(
                TrackingServiceGrpc.getDeleteRunMethod(),
                DeleteRunRequest.newBuilder().setRunId(id).build(),
                answer -> handle(answer.getRun()));
    }

    /**
     * Takes {@link #delete} back. Fails with {@code EXPERIMENT_DELETED} while its experiment is deleted.
     *
     * @param id the run
     * @return the run as it is now
     */
    public RunHandle restore(String id) {
        return Calls.await(restoreAsync(id));
    }

    /** As {@link #restore}, without waiting. */
    public CompletableFuture<RunHandle> restoreAsync(String id) {
        return calls.start(
                TrackingServiceGrpc.getRestoreRunMethod(),
                RestoreRunRequest.newBuilder().setRunId(id).build(),
                answer -> handle(answer.getRun()));
    }

    /**
     * Removes a deleted one for good, with its artifacts. Never repeated by itself. Fails with {@code NOT_DELETED} and
     * {@code MODEL_IN_USE}.
     *
     * @param id the run
     * @return what was removed
     */
    public PurgeSummary purge(String id) {
        return Calls.await(purgeAsync(id));
    }

    /** As {@link #purge}, without waiting. */
    public CompletableFuture<PurgeSummary> purgeAsync(String id) {
        return purge(id, false);
    }

    /**
     * Says what {@link #purge} would remove, and removes nothing. Fails as it does.
     *
     * @param id the run
     * @return what would be removed
     */
    public PurgeSummary previewPurge(String id) {
        return Calls.await(previewPurgeAsync(id));
    }

    /** As {@link #previewPurge}, without waiting. */
    public CompletableFuture<PurgeSummary> previewPurgeAsync(String id) {
        return purge(id, true);
    }

    /**
     * {@return what it removed for good of the deleted ones, and how many are left: repeat until none are} Never
     * repeated by itself.
     *
     * @param which which to remove
     */
    public PurgeRunsResponse purgeMany(RunPurge which) {
        return Calls.await(purgeManyAsync(which));
    }

    /** As {@link #purgeMany}, without waiting. */
    public CompletableFuture<PurgeRunsResponse> purgeManyAsync(RunPurge which) {
        return calls.start(TrackingServiceGrpc.getPurgeRunsMethod(), which.request());
    }

    /**
     * {@return the run as it is now, and again, whole, each time that it has changed, until it is purged}
     *
     * @param id the run
     * @param fields to read, for example {@code state}; changes of others are not told; none for all
     */
    public Watch<RunHandle> watch(String id, String... fields) {
        return Watches.run(calls, id, List.of(fields)).map(this::handle);
    }

    private CompletableFuture<PurgeSummary> purge(String id, boolean dryRun) {
        return calls.start(
                TrackingServiceGrpc.getPurgeRunMethod(),
                PurgeRunRequest.newBuilder().setRunId(id).setDryRun(dryRun).build(),
                PurgeRunResponse::getPurged);
    }

    private RunHandle handle(Run proto) {
        return new RunHandle(calls, proto);
    }

    private List<RunHandle> handles(List<Run> protos) {
        return protos.stream().map(this::handle).toList();
    }
}
