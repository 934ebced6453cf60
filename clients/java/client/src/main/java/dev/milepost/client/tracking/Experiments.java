package dev.milepost.client.tracking;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.errors.AlreadyExistsException;
import dev.milepost.client.errors.Errors;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.client.paging.Page;
import dev.milepost.client.paging.Pages;
import dev.milepost.client.watching.RunChanges;
import dev.milepost.client.watching.Watch;
import dev.milepost.client.watching.WatchedExperiment;
import dev.milepost.client.watching.Watches;
import dev.milepost.v1.BatchGetExperimentsRequest;
import dev.milepost.v1.DeleteExperimentRequest;
import dev.milepost.v1.Experiment;
import dev.milepost.v1.GetExperimentByNameRequest;
import dev.milepost.v1.GetExperimentRequest;
import dev.milepost.v1.PurgeExperimentRequest;
import dev.milepost.v1.PurgeExperimentResponse;
import dev.milepost.v1.PurgeSummary;
import dev.milepost.v1.RestoreExperimentRequest;
import dev.milepost.v1.TrackingServiceGrpc;
import dev.milepost.v1.UpdateExperimentTagsRequest;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/**
 * Verbs on experiments. They throw {@link NotFoundException} ({@code EXPERIMENT_NOT_FOUND}) for an id or name that no
 * experiment has; {@link dev.milepost.client.errors.FailedPreconditionException} ({@code EXPERIMENT_DELETED}) when
 * they would change a deleted one; and {@link AlreadyExistsException} ({@code EXPERIMENT_EXISTS}) when an experiment,
 * perhaps a deleted one, has the name wanted.
 */
public final class Experiments {
    private final Calls calls;

    /**
     * Verbs over a connection.
     *
     * @param calls the connection
     */
    public Experiments(Calls calls) {
        this.calls = calls;
    }

    /**
     * Creates an experiment.
     *
     * @param experiment its name, and more
     * @return the experiment
     */
    public ExperimentHandle create(NewExperiment experiment) {
        return Calls.await(createAsync(experiment));
    }

    /** As {@link #create}, without waiting. */
    public CompletableFuture<ExperimentHandle> createAsync(NewExperiment experiment) {
        return calls.start(
                TrackingServiceGrpc.getCreateExperimentMethod(),
                experiment.request(),
                answer -> handle(answer.getExperiment()));
    }

    /**
     * Creates an experiment of a name.
     *
     * @param name unique, also among deleted experiments; 1-250 characters
     * @return the experiment
     */
    public ExperimentHandle create(String name) {
        return create(NewExperiment.named(name));
    }

    /**
     * Reads one, also a deleted one.
     *
     * @param id its id
     * @return the experiment
     */
    public ExperimentHandle get(String id) {
        return Calls.await(getAsync(id));
    }

    /** As {@link #get}, without waiting. */
    public CompletableFuture<ExperimentHandle> getAsync(String id) {
        return calls.start(
                TrackingServiceGrpc.getGetExperimentMethod(),
                GetExperimentRequest.newBuilder().setExperimentId(id).build(),
                answer -> handle(answer.getExperiment()));
    }

    /**
     * Reads the one of a name, also a deleted one.
     *
     * @param name its exact name
     * @return the experiment
     */
    public ExperimentHandle getByName(String name) {
        return Calls.await(getByNameAsync(name));
    }

    /** As {@link #getByName}, without waiting. */
    public CompletableFuture<ExperimentHandle> getByNameAsync(String name) {
        return calls.start(
                TrackingServiceGrpc.getGetExperimentByNameMethod(),
                GetExperimentByNameRequest.newBuilder().setName(name).build(),
                answer -> handle(answer.getExperiment()));
    }

    /**
     * Reads the one of a name, and creates it when there is none.
     *
     * @param name its exact name
     * @return the experiment, which may be a deleted one
     */
    public ExperimentHandle getOrCreate(String name) {
        return getOrCreate(NewExperiment.named(name));
    }

    /**
     * Reads the one of a name, and creates it when there is none.
     *
     * @param experiment its name; description and tags count only when it is created
     * @return the experiment, which may be a deleted one
     */
    public ExperimentHandle getOrCreate(NewExperiment experiment) {
        return Calls.await(getOrCreateAsync(experiment));
    }

    /** As {@link #getOrCreate(NewExperiment)}, without waiting. */
    public CompletableFuture<ExperimentHandle> getOrCreateAsync(NewExperiment experiment) {
        String name = experiment.request().getExperiment().getName();
        return getByNameAsync(name)
                .exceptionallyCompose(error -> after(NotFoundException.class, error, () -> createAsync(experiment)))
                // Another process was faster.
                .exceptionallyCompose(error -> after(AlreadyExistsException.class, error, () -> getByNameAsync(name)));
    }

    /**
     * Reads several.
     *
     * @param ids their ids, at most 1,000
     * @return the experiments in the order of the ids
     */
    public List<ExperimentHandle> batchGet(Collection<String> ids) {
        return Calls.await(batchGetAsync(ids));
    }

    /** As {@link #batchGet}, without waiting. */
    public CompletableFuture<List<ExperimentHandle>> batchGetAsync(Collection<String> ids) {
        return calls.start(
                TrackingServiceGrpc.getBatchGetExperimentsMethod(),
                BatchGetExperimentsRequest.newBuilder().addAllExperimentIds(ids).build(),
                answer -> handles(answer.getExperimentsList()));
    }

    /** {@return all experiments that are not deleted, newest first} */
    public Pages<ExperimentHandle> list() {
        return list(ExperimentQuery.all());
    }

    /**
     * {@return the experiments that meet a condition, newest first}
     *
     * @param filter in the filter language, for example {@code name LIKE 'digits%'}
     */
    public Pages<ExperimentHandle> list(String filter) {
        return list(ExperimentQuery.all().filter(filter));
    }

    /**
     * {@return experiments}
     *
     * @param query which, and in which order
     */
    public Pages<ExperimentHandle> list(ExperimentQuery query) {
        return new Pages<>((token, size) -> calls.start(
                TrackingServiceGrpc.getListExperimentsMethod(),
                query.request().toBuilder().setPageToken(token).setPageSize(size).build(),
                answer -> new Page<>(handles(answer.getExperimentsList()), answer.getNextPageToken())));
    }

    /**
     * Changes what the update names.
     *
     * @param id the experiment
     * @param update what to change
     * @return the experiment as it is now
     * @throws dev.milepost.client.errors.AbortedException when the update gives an etag and it is old
     */
    public ExperimentHandle update(String id, ExperimentUpdate update) {
        return Calls.await(updateAsync(id, update));
    }

    /** As {@link #update}, without waiting. */
    public CompletableFuture<ExperimentHandle> updateAsync(String id, ExperimentUpdate update) {
        return calls.start(
                TrackingServiceGrpc.getUpdateExperimentMethod(),
                update.of(id),
                answer -> handle(answer.getExperiment()));
    }

    /**
     * Sets and removes tags, leaving the others.
     *
     * @param id the experiment
     * @param set values by key
     * @param delete keys to remove; one that is not there is {@code TAG_NOT_FOUND}
     * @return the experiment as it is now
     */
    public ExperimentHandle updateTags(String id, Map<String, String> set, Collection<String> delete) {
        return Calls.await(updateTagsAsync(id, set, delete));
    }

    /** As {@link #updateTags}, without waiting. */
    public CompletableFuture<ExperimentHandle> updateTagsAsync(
            String id, Map<String, String> set, Collection<String> delete) {
        return calls.start(
                TrackingServiceGrpc.getUpdateExperimentTagsMethod(),
                UpdateExperimentTagsRequest.newBuilder()
                        .setExperimentId(id)
                        .putAllSet(set)
                        .addAllDelete(delete)
                        .build(),
                answer -> handle(answer.getExperiment()));
    }

    /**
     * Marks it and its active runs as deleted; its name stays taken.
     *
     * @param id the experiment
     * @return the experiment as it is now
     */
    public ExperimentHandle delete(String id) {
        return Calls.await(deleteAsync(id));
    }

    /** As {@link #delete}, without waiting. */
    public CompletableFuture<ExperimentHandle> deleteAsync(String id) {
        return calls.start(
                TrackingServiceGrpc.getDeleteExperimentMethod(),
                DeleteExperimentRequest.newBuilder().setExperimentId(id).build(),
                answer -> handle(answer.getExperiment()));
    }

    /**
     * Takes {@link #delete} back, for the runs that it took too.
     *
     * @param id the experiment
     * @return the experiment as it is now
     */
    public ExperimentHandle restore(String id) {
        return Calls.await(restoreAsync(id));
    }

    /** As {@link #restore}, without waiting. */
    public CompletableFuture<ExperimentHandle> restoreAsync(String id) {
        return calls.start(
                TrackingServiceGrpc.getRestoreExperimentMethod(),
                RestoreExperimentRequest.newBuilder().setExperimentId(id).build(),
                answer -> handle(answer.getExperiment()));
    }

    /**
     * Removes a deleted one with all its runs and their artifacts for good. Never repeated by itself. Fails with
     * {@code NOT_DELETED} and {@code MODEL_IN_USE}.
     *
     * @param id the experiment
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
     * @param id the experiment
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
     * {@return what becomes of its runs from now on: those that are created, changed and removed} The first item comes
     * at once; list the runs after it came, then read on, and nothing is missed. Ends when the experiment is purged.
     *
     * @param id the experiment
     */
    public Watch<RunChanges<RunHandle>> watch(String id) {
        return watch(WatchedExperiment.of(id));
    }

    /**
     * As {@link #watch(String)}, of chosen fields or from an earlier watch on.
     *
     * @param wanted the experiment, fields and where to begin
     * @return what becomes of its runs
     */
    public Watch<RunChanges<RunHandle>> watch(WatchedExperiment wanted) {
        return Watches.experiment(calls, wanted).map(changes -> changes.map(run -> new RunHandle(calls, run)));
    }

    private CompletableFuture<PurgeSummary> purge(String id, boolean dryRun) {
        return calls.start(
                TrackingServiceGrpc.getPurgeExperimentMethod(),
                PurgeExperimentRequest.newBuilder()
                        .setExperimentId(id)
                        .setDryRun(dryRun)
                        .build(),
                PurgeExperimentResponse::getPurged);
    }

    private static <T> CompletableFuture<T> after(
            Class<? extends MilepostException> kind, Throwable thrown, Supplier<CompletableFuture<T>> next) {
        MilepostException error = Errors.from(thrown);
        return kind.isInstance(error) ? next.get() : CompletableFuture.failedFuture(error);
    }

    private ExperimentHandle handle(Experiment proto) {
        return new ExperimentHandle(calls, proto);
    }

    private List<ExperimentHandle> handles(List<Experiment> protos) {
        return protos.stream().map(this::handle).toList();
    }
}
