package dev.milepost.client.registry;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.paging.Pages;
import dev.milepost.client.values.Times;
import dev.milepost.client.watching.Watch;
import dev.milepost.v1.RegisteredModel;
import dev.milepost.v1.RegistryEvent;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;

/**
 * A registered model as it was when it was read. It never changes: verbs that change the model return it anew. They
 * fail as those of {@link RegisteredModels}.
 */
public final class RegisteredModelHandle {
    private final Calls calls;
    private final RegisteredModel proto;

    RegisteredModelHandle(Calls calls, RegisteredModel proto) {
        this.calls = calls;
        this.proto = proto;
    }

    /** {@return the resource itself} */
    public RegisteredModel proto() {
        return proto;
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

    /** {@return number of the version that each alias points to, by the alias} */
    public Map<String, Long> aliases() {
        return proto.getAliasesMap();
    }

    /** {@return users and groups that may move an alias, for each protected one} */
    public Map<String, List<String>> protectedAliases() {
        return proto.getProtectedAliasesMap().entrySet().stream()
                .collect(Collectors.toUnmodifiableMap(
                        Map.Entry::getKey, entry -> List.copyOf(entry.getValue().getPrincipalsList())));
    }

    /** {@return greatest number of a version that exists; 0 without one} */
    public long latestVersion() {
        return proto.getLatestVersion();
    }

    /** {@return number of versions that exist} */
    public long versionCount() {
        return proto.getVersionCount();
    }

    /** {@return when it was created} */
    public Instant createTime() {
        return Times.instant(proto.getCreateTime());
    }

    /** {@return when it, its aliases or the set of its versions last changed} */
    public Instant updateTime() {
        return Times.instant(proto.getUpdateTime());
    }

    /** {@return what changes with every change} */
    public String etag() {
        return proto.getEtag();
    }

    /** {@return the registered model as it is now} */
    public RegisteredModelHandle refresh() {
        return models().get(name());
    }

    /** As {@link #refresh}, without waiting. */
    public CompletableFuture<RegisteredModelHandle> refreshAsync() {
        return models().getAsync(name());
    }

    /**
     * Changes what the update names.
     *
     * @param update what to change
     * @return the registered model as it is now
     */
    public RegisteredModelHandle update(RegisteredModelUpdate update) {
        return models().update(name(), update);
    }

    /** As {@link #update}, without waiting. */
    public CompletableFuture<RegisteredModelHandle> updateAsync(RegisteredModelUpdate update) {
        return models().updateAsync(name(), update);
    }

    /**
     * Adds or changes tags, leaving the others.
     *
     * @param tags values by key
     * @return the registered model as it is now
     */
    public RegisteredModelHandle setTags(Map<String, String> tags) {
        return Calls.await(setTagsAsync(tags));
    }

    /** As {@link #setTags}, without waiting. */
    public CompletableFuture<RegisteredModelHandle> setTagsAsync(Map<String, String> tags) {
        return models().updateTagsAsync(name(), tags, List.of());
    }

    /**
     * Removes tags. Fails with {@code TAG_NOT_FOUND} for one that is not there.
     *
     * @param keys their keys
     * @return the registered model as it is now
     */
    public RegisteredModelHandle deleteTags(String... keys) {
        return Calls.await(deleteTagsAsync(keys));
    }

    /** As {@link #deleteTags}, without waiting. */
    public CompletableFuture<RegisteredModelHandle> deleteTagsAsync(String... keys) {
        return models().updateTagsAsync(name(), Map.of(), List.of(keys));
    }

    /**
     * Points an alias to a version, wherever it points now.
     *
     * @param alias the alias
     * @param version number of the version
     * @return the registered model as it is now
     */
    public RegisteredModelHandle setAlias(String alias, long version) {
        return models().setAlias(name(), alias, version);
    }

    /** As {@link #setAlias(String, long)}, without waiting. */
    public CompletableFuture<RegisteredModelHandle> setAliasAsync(String alias, long version) {
        return models().setAliasAsync(name(), alias, version);
    }

    /**
     * Points an alias to a version, if it points where the caller thinks; fails with {@code ALIAS_MOVED} otherwise.
     *
     * @param alias the alias
     * @param version number of the version
     * @param expected number of the version that it points to now; 0 when there is no such alias
     * @return the registered model as it is now
     */
    public RegisteredModelHandle setAlias(String alias, long version, long expected) {
        return models().setAlias(name(), alias, version, expected);
    }

    /** As {@link #setAlias(String, long, long)}, without waiting. */
    public CompletableFuture<RegisteredModelHandle> setAliasAsync(String alias, long version, long expected) {
        return models().setAliasAsync(name(), alias, version, expected);
    }

    /**
     * Removes an alias, wherever it points.
     *
     * @param alias the alias
     * @return the registered model as it is now
     */
    public RegisteredModelHandle deleteAlias(String alias) {
        return models().deleteAlias(name(), alias);
    }

    /** As {@link #deleteAlias(String)}, without waiting. */
    public CompletableFuture<RegisteredModelHandle> deleteAliasAsync(String alias) {
        return models().deleteAliasAsync(name(), alias);
    }

    /**
     * Removes an alias, if it points where the caller thinks; fails with {@code ALIAS_MOVED} otherwise.
     *
     * @param alias the alias
     * @param expected number of the version that it points to now
     * @return the registered model as it is now
     */
    public RegisteredModelHandle deleteAlias(String alias, long expected) {
        return models().deleteAlias(name(), alias, expected);
    }

    /** As {@link #deleteAlias(String, long)}, without waiting. */
    public CompletableFuture<RegisteredModelHandle> deleteAliasAsync(String alias, long expected) {
        return models().deleteAliasAsync(name(), alias, expected);
    }

    /**
     * Reads one of its versions.
     *
     * @param number of the version
     * @return the version
     */
    public ModelVersionHandle version(long number) {
        return new ModelVersions(calls).get(name(), number);
    }

    /** As {@link #version(long)}, without waiting. */
    public CompletableFuture<ModelVersionHandle> versionAsync(long number) {
        return new ModelVersions(calls).getAsync(name(), number);
    }

    /**
     * Reads the version that an alias points to.
     *
     * @param alias the alias, or {@code latest}
     * @return the version
     */
    public ModelVersionHandle version(String alias) {
        return new ModelVersions(calls).getByAlias(name(), alias);
    }

    /** As {@link #version(String)}, without waiting. */
    public CompletableFuture<ModelVersionHandle> versionAsync(String alias) {
        return new ModelVersions(calls).getByAliasAsync(name(), alias);
    }

    /** {@return its versions, newest first} */
    public Pages<ModelVersionHandle> versions() {
        return new ModelVersions(calls).list(ModelVersionQuery.of(name()));
    }

    /** {@return what happens to it under this name, from now on; see {@link Registry#watch(String, String)}} */
    public Watch<RegistryEvent> watch() {
        return new Registry(calls).watch(name());
    }

    /**
     * Gives it, with its versions and aliases, another name.
     *
     * @param newName the name
     * @return the registered model as it is now
     */
    public RegisteredModelHandle rename(String newName) {
        return models().rename(name(), newName);
    }

    /** As {@link #rename}, without waiting. */
    public CompletableFuture<RegisteredModelHandle> renameAsync(String newName) {
        return models().renameAsync(name(), newName);
    }

    /** Removes it with its versions and aliases for good. */
    public void delete() {
        models().delete(name());
    }

    /** As {@link #delete}, without waiting. */
    public CompletableFuture<Void> deleteAsync() {
        return models().deleteAsync(name());
    }

    @Override
    public String toString() {
        return "RegisteredModelHandle(" + name() + ", latest version " + latestVersion() + ")";
    }

    private RegisteredModels models() {
        return new RegisteredModels(calls);
    }
}
