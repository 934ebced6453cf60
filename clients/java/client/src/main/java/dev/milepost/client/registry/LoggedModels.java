package dev.milepost.client.registry;

import dev.milepost.client.artifacts.TransferOptions;
import dev.milepost.client.calls.Calls;
import dev.milepost.client.models.ModelFolder;
import dev.milepost.client.paging.Page;
import dev.milepost.client.paging.Pages;
import dev.milepost.client.tracking.Experiments;
import dev.milepost.client.tracking.ScopeIds;
import dev.milepost.v1.DeleteLoggedModelRequest;
import dev.milepost.v1.GetLoggedModelRequest;
import dev.milepost.v1.LoggedModel;
import dev.milepost.v1.LoggedModelServiceGrpc;
import dev.milepost.v1.RestoreLoggedModelRequest;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;

/**
 * Verbs on logged models, the models that runs made. All throw {@link dev.milepost.client.errors.MilepostException},
 * and where there is no such model {@code NotFoundException} ({@code LOGGED_MODEL_NOT_FOUND}).
 */
public final class LoggedModels {
    private final Calls calls;

    /**
     * Verbs of a server.
     *
     * @param calls to the server
     */
    public LoggedModels(Calls calls) {
        this.calls = calls;
    }

    /**
     * Logs a model that was saved or read on the JVM: creates it, with the flavors and the signature of the folder
     * unless others are given; uploads its files; and makes it ready. Until then readers do not take it for a model,
     * from then on its files cannot be changed. When the upload fails, the model is marked as failed.
     *
     * <p>A model of a run is recorded as one of its outputs, at step 0 unless another is given.
     *
     * @param model what to create
     * @param folder its files
     * @return the model, ready
     * @throws java.io.UncheckedIOException when a file cannot be read
     * @throws dev.milepost.client.errors.FailedPreconditionException {@code LOGGED_MODEL_INCOMPLETE} when files changed
     *     since the folder was saved or read
     */
    public LoggedModelHandle publish(NewLoggedModel model, ModelFolder folder) {
        return publish(model, folder, TransferOptions.defaults());
    }

    /**
     * As {@link #publish(NewLoggedModel, ModelFolder)}, with options.
     *
     * @param model what to create
     * @param folder its files
     * @param options progress, timeout
     * @return the model, ready
     */
    public LoggedModelHandle publish(NewLoggedModel model, ModelFolder folder, TransferOptions options) {
        return new Publishing(calls, options).publish(model, folder);
    }

    /**
     * Logs a model that any program saved, as {@link #publish(NewLoggedModel, ModelFolder)}; flavors and signature are
     * those of {@code model}.
     *
     * @param model what to create
     * @param folder a model in the format of {@code docs/model-format.md}; one of MLflow has no manifest
     * @param options progress, timeout
     * @return the model, ready
     * @throws dev.milepost.client.models.ModelFormatException when the folder is no model, or its files are not those
     *     of its manifest; then nothing was sent
     * @throws java.io.UncheckedIOException when a file cannot be read
     * @throws dev.milepost.client.errors.FailedPreconditionException {@code LOGGED_MODEL_INCOMPLETE} when files changed
     *     while they were sent
     */
    public LoggedModelHandle publish(NewLoggedModel model, Path folder, TransferOptions options) {
        return new Publishing(calls, options).publish(model, folder);
    }

    /**
     * Uploads the files of a folder to a pending model and makes it ready; when that fails for whatever reason, the
     * model is marked as failed.
     *
     * @param model the model, pending
     * @param folder its files, as of {@link #publish(NewLoggedModel, Path, TransferOptions)}; throws as that
     * @param options progress, timeout
     * @return the model, ready
     */
    public LoggedModelHandle upload(LoggedModelHandle model, Path folder, TransferOptions options) {
        return new Publishing(calls, options).upload(model, folder);
    }

    /**
     * Creates a pending model, whose files are then uploaded below {@link LoggedModelHandle#path}; {@link #complete}
     * ends that. Fails with {@code LOGGED_MODEL_EXISTS} when a chosen id is taken.
     *
     * @param model what to create
     * @return the model, pending
     */
    public LoggedModelHandle create(NewLoggedModel model) {
        return Calls.await(createAsync(model));
    }

    /** As {@link #create}, without waiting. */
    public CompletableFuture<LoggedModelHandle> createAsync(NewLoggedModel model) {
        return calls.start(
                LoggedModelServiceGrpc.getCreateLoggedModelMethod(),
                model.request(),
                answer -> handle(answer.getLoggedModel()));
    }

    /**
     * Ends the upload of a model ({@code FinalizeLoggedModel}). Repeating it changes nothing. Fails with
     * {@code LOGGED_MODEL_INCOMPLETE} (metadata {@code missing}, {@code different}, {@code unlisted}: numbers of files)
     * when the files on the server are others than those listed, and with {@code LOGGED_MODEL_FINAL} when it ended in
     * another way.
     *
     * @param id the model's id
     * @param completion how it ends
     * @return the model as it is now
     */
    public LoggedModelHandle complete(String id, ModelCompletion completion) {
        return Calls.await(completeAsync(id, completion));
    }

    /** As {@link #complete}, without waiting. */
    public CompletableFuture<LoggedModelHandle> completeAsync(String id, ModelCompletion completion) {
        return calls.start(
                LoggedModelServiceGrpc.getFinalizeLoggedModelMethod(),
                completion.request().toBuilder().setModelId(id).build(),
                answer -> handle(answer.getLoggedModel()));
    }

    /**
     * Reads a model with its files, also a deleted one.
     *
     * @param id its id
     * @return the model
     */
    public LoggedModelHandle get(String id) {
        return Calls.await(getAsync(id));
    }

    /** As {@link #get}, without waiting. */
    public CompletableFuture<LoggedModelHandle> getAsync(String id) {
        return calls.start(
                LoggedModelServiceGrpc.getGetLoggedModelMethod(),
                GetLoggedModelRequest.newBuilder().setModelId(id).build(),
                answer -> handle(answer.getLoggedModel()));
    }

    /**
     * {@return the models of all experiments that meet a condition, newest first}
     *
     * @param filter in the filter language, for example {@code status = 'ready' AND metrics.accuracy > 0.9}
     */
    public Pages<LoggedModelHandle> list(String filter) {
        return list(LoggedModelQuery.all().filter(filter));
    }

    /**
     * {@return the models that are asked for}
     *
     * @param query which, and in which order
     */
    public Pages<LoggedModelHandle> list(LoggedModelQuery query) {
        ScopeIds experiments = new ScopeIds(new Experiments(calls), query.scope());
        return new Pages<LoggedModel>((token, size) -> experiments.get().thenCompose(ids -> calls.start(
                        LoggedModelServiceGrpc.getListLoggedModelsMethod(),
                        query.request().toBuilder()
                                .addAllExperimentIds(ids)
                                .setPageToken(token)
                                .setPageSize(size)
                                .build(),
                        answer -> new Page<>(answer.getLoggedModelsList(), answer.getNextPageToken()))))
                .map(this::handle);
    }

    /**
     * Writes params, tags and metrics in one transaction, also of a ready model. Fails with {@code PARAM_CONFLICT},
     * {@code TAG_NOT_FOUND}, {@code LOGGED_MODEL_DELETED} and {@code RUN_DELETED}.
     *
     * @param id the model's id
     * @param update what to write
     * @return the model as it is now
     */
    public LoggedModelHandle update(String id, LoggedModelUpdate update) {
        return Calls.await(updateAsync(id, update));
    }

    /** As {@link #update}, without waiting. */
    public CompletableFuture<LoggedModelHandle> updateAsync(String id, LoggedModelUpdate update) {
        return calls.start(
                LoggedModelServiceGrpc.getUpdateLoggedModelMethod(),
                update.request().toBuilder().setModelId(id).build(),
                answer -> handle(answer.getLoggedModel()));
    }

    /**
     * Marks a model as deleted; its files go when its run is purged. Fails with {@code MODEL_IN_USE} while versions of
     * registered models consist of it.
     *
     * @param id its id
     * @return the model as it is now
     */
    public LoggedModelHandle delete(String id) {
        return Calls.await(deleteAsync(id));
    }

    /** As {@link #delete}, without waiting. */
    public CompletableFuture<LoggedModelHandle> deleteAsync(String id) {
        return calls.start(
                LoggedModelServiceGrpc.getDeleteLoggedModelMethod(),
                DeleteLoggedModelRequest.newBuilder().setModelId(id).build(),
                answer -> handle(answer.getLoggedModel()));
    }

    /**
     * Takes back {@link #delete}. Fails with {@code RUN_DELETED}.
     *
     * @param id the model's id
     * @return the model as it is now
     */
    public LoggedModelHandle restore(String id) {
        return Calls.await(restoreAsync(id));
    }

    /** As {@link #restore}, without waiting. */
    public CompletableFuture<LoggedModelHandle> restoreAsync(String id) {
        return calls.start(
                LoggedModelServiceGrpc.getRestoreLoggedModelMethod(),
                RestoreLoggedModelRequest.newBuilder().setModelId(id).build(),
                answer -> handle(answer.getLoggedModel()));
    }

    private LoggedModelHandle handle(LoggedModel model) {
        return new LoggedModelHandle(calls, model);
    }
}
