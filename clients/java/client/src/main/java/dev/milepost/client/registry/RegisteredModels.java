package dev.milepost.client.registry;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.paging.Page;
import dev.milepost.client.paging.Pages;
import dev.milepost.v1.DeleteModelAliasRequest;
import dev.milepost.v1.DeleteRegisteredModelRequest;
import dev.milepost.v1.GetRegisteredModelRequest;
import dev.milepost.v1.RegisteredModel;
import dev.milepost.v1.RegistryServiceGrpc;
import dev.milepost.v1.RenameRegisteredModelRequest;
import dev.milepost.v1.SetModelAliasRequest;
import dev.milepost.v1.UpdateModelTagsRequest;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * Verbs on registered models and their aliases. All throw {@link dev.milepost.client.errors.MilepostException}, and
 * where there is no such model {@code NotFoundException} ({@code MODEL_NOT_FOUND}).
 */
public final class RegisteredModels {
    private final Calls calls;

    /**
     * Verbs of a server.
     *
     * @param calls to the server
     */
    public RegisteredModels(Calls calls) {
        this.calls = calls;
    }

    /**
     * Creates a registered model without versions. Fails with {@code MODEL_EXISTS} when the name is taken.
     *
     * @param name unique; 1-250 characters without {@code /}, {@code :} and {@code @}
     * @return the registered model
     */
    public RegisteredModelHandle create(String name) {
        return create(NewRegisteredModel.named(name));
    }

    /**
     * Creates a registered model without versions. Fails with {@code MODEL_EXISTS} when the name is taken.
     *
     * @param model what to create
     * @return the registered model
     */
    public RegisteredModelHandle create(NewRegisteredModel model) {
        return Calls.await(createAsync(model));
    }

    /** As {@link #create(NewRegisteredModel)}, without waiting. */
    public CompletableFuture<RegisteredModelHandle> createAsync(NewRegisteredModel model) {
        return calls.start(
                RegistryServiceGrpc.getCreateRegisteredModelMethod(),
                model.request(),
                answer -> handle(answer.getRegisteredModel()));
    }

    /**
     * Reads a registered model.
     *
     * @param name its name
     * @return the registered model
     */
    public RegisteredModelHandle get(String name) {
        return Calls.await(getAsync(name));
    }

    /** As {@link #get}, without waiting. */
    public CompletableFuture<RegisteredModelHandle> getAsync(String name) {
        return calls.start(
                RegistryServiceGrpc.getGetRegisteredModelMethod(),
                GetRegisteredModelRequest.newBuilder().setName(name).build(),
                answer -> handle(answer.getRegisteredModel()));
    }

    /** {@return all registered models, newest first} */
    public Pages<RegisteredModelHandle> list() {
        return list(RegisteredModelQuery.all());
    }

    /**
     * {@return the registered models that meet a condition, newest first}
     *
     * @param filter in the filter language, for example {@code name LIKE 'fraud-%' AND tags.team = 'risk'}
     */
    public Pages<RegisteredModelHandle> list(String filter) {
        return list(RegisteredModelQuery.all().filter(filter));
    }

    /**
     * {@return the registered models that are asked for}
     *
     * @param query which, and in which order
     */
    public Pages<RegisteredModelHandle> list(RegisteredModelQuery query) {
        return new Pages<RegisteredModel>((token, size) -> calls.start(
                        RegistryServiceGrpc.getListRegisteredModelsMethod(),
                        query.request().toBuilder()
                                .setPageToken(token)
                                .setPageSize(size)
                                .build(),
                        answer -> new Page<>(answer.getRegisteredModelsList(), answer.getNextPageToken())))
                .map(this::handle);
    }

    /**
     * Changes what the update names. Fails with {@code ETAG_MISMATCH} when its etag is old.
     *
     * @param name the registered model
     * @param update what to change
     * @return the registered model as it is now
     */
    public RegisteredModelHandle update(String name, RegisteredModelUpdate update) {
        return Calls.await(updateAsync(name, update));
    }

    /** As {@link #update}, without waiting. */
    public CompletableFuture<RegisteredModelHandle> updateAsync(String name, RegisteredModelUpdate update) {
        return calls.start(
                RegistryServiceGrpc.getUpdateRegisteredModelMethod(),
                update.of(name),
                answer -> handle(answer.getRegisteredModel()));
    }

    /**
     * Sets and removes tags, leaving the others. Fails with {@code TAG_NOT_FOUND} when one to remove is not there.
     *
     * @param name the registered model
     * @param set values of tags to add or change, by key
     * @param delete keys of tags to remove
     * @return the registered model as it is now
     */
    public RegisteredModelHandle updateTags(String name, Map<String, String> set, Collection<String> delete) {
        return Calls.await(updateTagsAsync(name, set, delete));
    }

    /** As {@link #updateTags}, without waiting. */
    public CompletableFuture<RegisteredModelHandle> updateTagsAsync(
            String name, Map<String, String> set, Collection<String> delete) {
        return calls.start(
                RegistryServiceGrpc.getUpdateModelTagsMethod(),
                UpdateModelTagsRequest.newBuilder()
                        .setName(name)
                        .putAllSet(set)
                        .addAllDelete(delete)
                        .build(),
                answer -> handle(answer.getRegisteredModel()));
    }

    /**
     * Gives a registered model, with its versions and aliases, another name. Fails with {@code MODEL_EXISTS} when that
     * is taken.
     *
     * @param name its name
     * @param newName its new name
     * @return the registered model as it is now
     */
    public RegisteredModelHandle rename(String name, String newName) {
        return Calls.await(renameAsync(name, newName));
    }

    /** As {@link #rename}, without waiting. */
    public CompletableFuture<RegisteredModelHandle> renameAsync(String name, String newName) {
        return calls.start(
                RegistryServiceGrpc.getRenameRegisteredModelMethod(),
                RenameRegisteredModelRequest.newBuilder()
                        .setName(name)
                        .setNewName(newName)
                        .build(),
                answer -> handle(answer.getRegisteredModel()));
    }

    /**
     * Removes a registered model with its versions and aliases for good. The files stay with the runs that made them.
     *
     * @param name its name
     */
    public void delete(String name) {
        Calls.await(deleteAsync(name));
    }

    /** As {@link #delete}, without waiting. */
    public CompletableFuture<Void> deleteAsync(String name) {
        return calls.start(
                RegistryServiceGrpc.getDeleteRegisteredModelMethod(),
                DeleteRegisteredModelRequest.newBuilder().setName(name).build(),
                answer -> null);
    }

    /**
     * Points an alias to a version, wherever it points now.
     *
     * @param name the registered model
     * @param alias letters, digits, {@code _} and {@code -}; not {@code latest}, a number, or {@code v} with a number
     * @param version number of the version; {@code MODEL_VERSION_NOT_FOUND} when there is none
     * @return the registered model as it is now
     */
    public RegisteredModelHandle setAlias(String name, String alias, long version) {
        return Calls.await(setAliasAsync(name, alias, version));
    }

    /** As {@link #setAlias(String, String, long)}, without waiting. */
    public CompletableFuture<RegisteredModelHandle> setAliasAsync(String name, String alias, long version) {
        return setAlias(alias(name, alias, version).build());
    }

    /**
     * Points an alias to a version, if it points where the caller thinks. Fails with {@code ABORTED}
     * ({@code ALIAS_MOVED}, metadata {@code expected} and {@code actual}) otherwise.
     *
     * @param name the registered model
     * @param alias the alias
     * @param version number of the version
     * @param expected number of the version that it points to now; 0 when there is no such alias
     * @return the registered model as it is now
     */
    public RegisteredModelHandle setAlias(String name, String alias, long version, long expected) {
        return Calls.await(setAliasAsync(name, alias, version, expected));
    }

    /** As {@link #setAlias(String, String, long, long)}, without waiting. */
    public CompletableFuture<RegisteredModelHandle> setAliasAsync(
            String name, String alias, long version, long expected) {
        return setAlias(alias(name, alias, version).setExpectedVersion(expected).build());
    }

    /**
     * Removes an alias, wherever it points. Fails with {@code ALIAS_NOT_FOUND}.
     *
     * @param name the registered model
     * @param alias the alias
     * @return the registered model as it is now
     */
    public RegisteredModelHandle deleteAlias(String name, String alias) {
        return Calls.await(deleteAliasAsync(name, alias));
    }

    /** As {@link #deleteAlias(String, String)}, without waiting. */
    public CompletableFuture<RegisteredModelHandle> deleteAliasAsync(String name, String alias) {
        return deleteAlias(
                DeleteModelAliasRequest.newBuilder().setName(name).setAlias(alias).build());
    }

    /**
     * Removes an alias, if it points where the caller thinks. Fails with {@code ALIAS_NOT_FOUND}, and with
     * {@code ABORTED} ({@code ALIAS_MOVED}) when it points elsewhere.
     *
     * @param name the registered model
     * @param alias the alias
     * @param expected number of the version that it points to now
     * @return the registered model as it is now
     */
    public RegisteredModelHandle deleteAlias(String name, String alias, long expected) {
        return Calls.await(deleteAliasAsync(name, alias, expected));
    }

    /** As {@link #deleteAlias(String, String, long)}, without waiting. */
    public CompletableFuture<RegisteredModelHandle> deleteAliasAsync(String name, String alias, long expected) {
        return deleteAlias(DeleteModelAliasRequest.newBuilder()
                .setName(name)
                .setAlias(alias)
                .setExpectedVersion(expected)
                .build());
    }

    private static SetModelAliasRequest.Builder alias(String name, String alias, long version) {
        return SetModelAliasRequest.newBuilder().setName(name).setAlias(alias).setVersion(version);
    }

    private CompletableFuture<RegisteredModelHandle> setAlias(SetModelAliasRequest request) {
        return calls.start(
                RegistryServiceGrpc.getSetModelAliasMethod(), request, answer -> handle(answer.getRegisteredModel()));
    }

    private CompletableFuture<RegisteredModelHandle> deleteAlias(DeleteModelAliasRequest request) {
        return calls.start(
                RegistryServiceGrpc.getDeleteModelAliasMethod(),
                request,
                answer -> handle(answer.getRegisteredModel()));
    }

    private RegisteredModelHandle handle(RegisteredModel model) {
        return new RegisteredModelHandle(calls, model);
    }
}
