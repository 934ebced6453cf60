package dev.milepost.client.registry;

import dev.milepost.client.artifacts.TransferOptions;
import dev.milepost.client.calls.Calls;
import dev.milepost.client.paging.Page;
import dev.milepost.client.paging.Pages;
import dev.milepost.v1.CopyModelVersionRequest;
import dev.milepost.v1.DeleteModelVersionRequest;
import dev.milepost.v1.GetModelVersionByAliasRequest;
import dev.milepost.v1.GetModelVersionRequest;
import dev.milepost.v1.ModelVersion;
import dev.milepost.v1.RegistryServiceGrpc;
import dev.milepost.v1.TransitionModelVersionRequest;
import dev.milepost.v1.UpdateModelTagsRequest;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * Verbs on versions of registered models. All throw {@link dev.milepost.client.errors.MilepostException}, and where
 * there is no such version {@code NotFoundException} ({@code MODEL_NOT_FOUND}, {@code MODEL_VERSION_NOT_FOUND}).
 */
public final class ModelVersions {
    private final Calls calls;

    /**
     * Verbs of a server.
     *
     * @param calls to the server
     */
    public ModelVersions(Calls calls) {
        this.calls = calls;
    }

    /**
     * Creates the next version of a registered model. Fails with {@code LOGGED_MODEL_NOT_READY},
     * {@code BAD_MODEL_SOURCE}, and {@code NotFoundException} when something of what it consists of is not there.
     *
     * @param version what to create
     * @return the version
     */
    public ModelVersionHandle create(NewModelVersion version) {
        return Calls.await(createAsync(version));
    }

    /** As {@link #create}, without waiting. */
    public CompletableFuture<ModelVersionHandle> createAsync(NewModelVersion version) {
        return calls.start(
                RegistryServiceGrpc.getCreateModelVersionMethod(),
                version.request(),
                answer -> handle(answer.getModelVersion()));
    }

    /**
     * Makes a model the next version of a registered model, which is created when it does not exist, and points aliases
     * to it. A version is copied ({@code COPY_CYCLE} when it comes from that registered model).
     *
     * @param source URI of the model, in a form of {@link ModelUri}
     * @param as name of the registered model, and what to say about the version
     * @return the version
     * @throws IllegalArgumentException when the URI cannot be read
     */
    public ModelVersionHandle register(String source, Registration as) {
        return new Registering(calls, as).register(ModelUri.parse(source));
    }

    /**
     * Reads a version, with its model card.
     *
     * @param name the registered model
     * @param version number of the version
     * @return the version
     */
    public ModelVersionHandle get(String name, long version) {
        return Calls.await(getAsync(name, version));
    }

    /** As {@link #get}, without waiting. */
    public CompletableFuture<ModelVersionHandle> getAsync(String name, long version) {
        return calls.start(
                RegistryServiceGrpc.getGetModelVersionMethod(),
                GetModelVersionRequest.newBuilder()
                        .setName(name)
                        .setVersion(version)
                        .build(),
                answer -> handle(answer.getModelVersion()));
    }

    /**
     * Reads the version that an alias points to. Fails with {@code ALIAS_NOT_FOUND}.
     *
     * @param name the registered model
     * @param alias the alias, or {@code latest} for the version with the greatest number
     * @return the version
     */
    public ModelVersionHandle getByAlias(String name, String alias) {
        return Calls.await(getByAliasAsync(name, alias));
    }

    /** As {@link #getByAlias}, without waiting. */
    public CompletableFuture<ModelVersionHandle> getByAliasAsync(String name, String alias) {
        return calls.start(
                RegistryServiceGrpc.getGetModelVersionByAliasMethod(),
                GetModelVersionByAliasRequest.newBuilder()
                        .setName(name)
                        .setAlias(alias)
                        .build(),
                answer -> handle(answer.getModelVersion()));
    }

    /**
     * {@return the versions of all registered models that meet a condition, newest first}
     *
     * @param filter in the filter language, for example {@code stage = 'production' AND tags.checked = 'yes'}
     */
    public Pages<ModelVersionHandle> list(String filter) {
        return list(ModelVersionQuery.all().filter(filter));
    }

    /**
     * {@return the versions that are asked for}
     *
     * @param query which, and in which order
     * @throws IllegalArgumentException when the model's name has both kinds of quotes: the filter language escapes none
     */
    public Pages<ModelVersionHandle> list(ModelVersionQuery query) {
        var request = query.narrowed();
        return new Pages<ModelVersion>((token, size) -> calls.start(
                        RegistryServiceGrpc.getListModelVersionsMethod(),
                        request.toBuilder().setPageToken(token).setPageSize(size).build(),
                        answer -> new Page<>(answer.getModelVersionsList(), answer.getNextPageToken())))
                .map(this::handle);
    }

    /**
     * Changes what the update names. Fails with {@code ETAG_MISMATCH} when its etag is old, and with
     * {@code MODEL_VERSION_READY} for a new status of a ready version.
     *
     * @param name the registered model
     * @param version number of the version
     * @param update what to change
     * @return the version as it is now
     */
    public ModelVersionHandle update(String name, long version, ModelVersionUpdate update) {
        return Calls.await(updateAsync(name, version, update));
    }

    /** As {@link #update}, without waiting. */
    public CompletableFuture<ModelVersionHandle> updateAsync(String name, long version, ModelVersionUpdate update) {
        return calls.start(
                RegistryServiceGrpc.getUpdateModelVersionMethod(),
                update.of(name, version),
                answer -> handle(answer.getModelVersion()));
    }

    /**
     * Sets and removes tags, leaving the others. Fails with {@code TAG_NOT_FOUND} when one to remove is not there.
     *
     * @param name the registered model
     * @param version number of the version
     * @param set values of tags to add or change, by key
     * @param delete keys of tags to remove
     * @return the version as it is now
     */
    public ModelVersionHandle updateTags(
            String name, long version, Map<String, String> set, Collection<String> delete) {
        return Calls.await(updateTagsAsync(name, version, set, delete));
    }

    /** As {@link #updateTags}, without waiting. */
    public CompletableFuture<ModelVersionHandle> updateTagsAsync(
            String name, long version, Map<String, String> set, Collection<String> delete) {
        return calls.start(
                RegistryServiceGrpc.getUpdateModelTagsMethod(),
                UpdateModelTagsRequest.newBuilder()
                        .setName(name)
                        .setVersion(version)
                        .putAllSet(set)
                        .addAllDelete(delete)
                        .build(),
                answer -> handle(answer.getModelVersion()));
    }

    /**
     * Moves a version to a stage, and on request the others of that stage to {@code STAGE_ARCHIVED}, all at once.
     *
     * @param name the registered model
     * @param version number of the version
     * @param stage where it goes
     * @param archiveExisting whether the others of the stage are archived; only for staging and production
     * @return the version as it is now, and which were archived
     */
    public Transition transition(String name, long version, ModelVersion.Stage stage, boolean archiveExisting) {
        return Calls.await(transitionAsync(name, version, stage, archiveExisting));
    }

    /** As {@link #transition}, without waiting. */
    public CompletableFuture<Transition> transitionAsync(
            String name, long version, ModelVersion.Stage stage, boolean archiveExisting) {
        return calls.start(
                RegistryServiceGrpc.getTransitionModelVersionMethod(),
                TransitionModelVersionRequest.newBuilder()
                        .setName(name)
                        .setVersion(version)
                        .setStage(stage)
                        .setArchiveExisting(archiveExisting)
                        .build(),
                answer -> new Transition(handle(answer.getModelVersion()), answer.getArchivedVersionsList()));
    }

    /**
     * Makes the next version of another registered model of the same files, with description, model card, tags and
     * lineage. Fails with {@code COPY_CYCLE} when the version comes from the destination, at once or through other
     * copies.
     *
     * @param name the registered model to copy from
     * @param version number of the version
     * @param destination the registered model that gets the copy
     * @param createModel whether to create that when it does not exist
     * @return the new version
     */
    public ModelVersionHandle copy(String name, long version, String destination, boolean createModel) {
        return Calls.await(copyAsync(name, version, destination, createModel));
    }

    /** As {@link #copy}, without waiting. */
    public CompletableFuture<ModelVersionHandle> copyAsync(
            String name, long version, String destination, boolean createModel) {
        return calls.start(
                RegistryServiceGrpc.getCopyModelVersionMethod(),
                CopyModelVersionRequest.newBuilder()
                        .setName(name)
                        .setVersion(version)
                        .setDestination(destination)
                        .setCreateModel(createModel)
                        .build(),
                answer -> handle(answer.getModelVersion()));
    }

    /**
     * Removes a version and its aliases for good. Its files stay with the run that made them; its number is not given
     * out again.
     *
     * @param name the registered model
     * @param version number of the version
     */
    public void delete(String name, long version) {
        Calls.await(deleteAsync(name, version));
    }

    /** As {@link #delete}, without waiting. */
    public CompletableFuture<Void> deleteAsync(String name, long version) {
        return calls.start(
                RegistryServiceGrpc.getDeleteModelVersionMethod(),
                DeleteModelVersionRequest.newBuilder()
                        .setName(name)
                        .setVersion(version)
                        .build(),
                answer -> null);
    }

    /**
     * Downloads the files of a model. The folder appears when all of it is there and every digest is that of the
     * registry.
     *
     * @param uri of the model, in a form of {@link ModelUri}
     * @param destination the folder to make; does not exist, or is empty
     * @return the folder
     * @throws IllegalArgumentException when the URI cannot be read
     * @throws dev.milepost.client.models.ModelCorruptException when the files are not those that were logged
     * @throws java.io.UncheckedIOException when the folder cannot be written
     * @throws dev.milepost.client.errors.UnimplementedException when the server does not keep the files
     */
    public Path download(String uri, Path destination) {
        return download(uri, destination, TransferOptions.defaults());
    }

    /**
     * As {@link #download(String, Path)}, with options.
     *
     * @param uri of the model, in a form of {@link ModelUri}
     * @param destination the folder to make; does not exist, or is empty
     * @param options progress, timeout
     * @return the folder
     */
    public Path download(String uri, Path destination, TransferOptions options) {
        return new Downloading(calls, options).download(ModelUri.parse(uri), destination);
    }

    private ModelVersionHandle handle(ModelVersion version) {
        return new ModelVersionHandle(calls, version);
    }
}
