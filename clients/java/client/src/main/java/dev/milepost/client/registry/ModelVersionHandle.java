package dev.milepost.client.registry;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.values.Times;
import dev.milepost.v1.DatasetInput;
import dev.milepost.v1.ModelVersion;
import dev.milepost.v1.ModelVersionOrigin;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * A version of a registered model as it was when it was read. It never changes: verbs that change the version return it
 * anew. They fail as those of {@link ModelVersions}.
 */
public final class ModelVersionHandle {
    private final Calls calls;
    private final ModelVersion proto;

    ModelVersionHandle(Calls calls, ModelVersion proto) {
        this.calls = calls;
        this.proto = proto;
    }

    /** {@return the resource itself} */
    public ModelVersion proto() {
        return proto;
    }

    /** {@return name of the registered model} */
    public String name() {
        return proto.getName();
    }

    /** {@return the number} */
    public long version() {
        return proto.getVersion();
    }

    /** {@return what names it: {@code models:/NAME/VERSION}} */
    public String uri() {
        return new ModelUri.OfVersion(name(), version()).toString();
    }

    /** {@return free text} */
    public String description() {
        return proto.getDescription();
    }

    /** {@return the model card; lists leave it out unless they are asked for it} */
    public String modelCard() {
        return proto.getModelCard();
    }

    /** {@return labels by key} */
    public Map<String, String> tags() {
        return proto.getTagsMap();
    }

    /** {@return aliases that point to it} */
    public List<String> aliases() {
        return proto.getAliasesList();
    }

    /** {@return its place in a process of release} */
    public ModelVersion.Stage stage() {
        return proto.getStage();
    }

    /** {@return whether its files are complete} */
    public ModelVersion.Status status() {
        return proto.getStatus();
    }

    /** {@return why the status is what it is, for people} */
    public String statusMessage() {
        return proto.getStatusMessage();
    }

    /** {@return id of the logged model that it consists of, if it does} */
    public Optional<String> modelId() {
        return given(proto.getModelId());
    }

    /** {@return the run whose artifacts hold its files, if one does} */
    public Optional<String> runId() {
        return given(proto.getRunId());
    }

    /** {@return directory of its files below the run's artifact folder} */
    public Optional<String> path() {
        return given(proto.getPath());
    }

    /** {@return where its files are, when the server does not keep them} */
    public Optional<String> sourceUri() {
        return given(proto.getSourceUri());
    }

    /** {@return digest of the list of its files, if it is known: 64 lowercase hexadecimal digits} */
    public Optional<String> sha256() {
        return given(proto.getSha256());
    }

    /** {@return bytes of its files; 0 when the server does not keep them} */
    public long size() {
        return proto.getSize();
    }

    /** {@return datasets that its run had read when it was created} */
    public List<DatasetInput> inputs() {
        return proto.getInputsList();
    }

    /** {@return the version that it is a copy of, if it is one} */
    public Optional<ModelVersionOrigin> copiedFrom() {
        return proto.hasCopiedFrom() ? Optional.of(proto.getCopiedFrom()) : Optional.empty();
    }

    /** {@return who created it, as that client said; empty for nobody} */
    public String user() {
        return proto.getUser();
    }

    /** {@return when it was created} */
    public Instant createTime() {
        return Times.instant(proto.getCreateTime());
    }

    /** {@return when it last changed, apart from its aliases} */
    public Instant updateTime() {
        return Times.instant(proto.getUpdateTime());
    }

    /** {@return what changes with every change but those of its aliases} */
    public String etag() {
        return proto.getEtag();
    }

    /** {@return the version as it is now} */
    public ModelVersionHandle refresh() {
        return versions().get(name(), version());
    }

    /** As {@link #refresh}, without waiting. */
    public CompletableFuture<ModelVersionHandle> refreshAsync() {
        return versions().getAsync(name(), version());
    }

    /**
     * Changes what the update names.
     *
     * @param update what to change
     * @return the version as it is now
     */
    public ModelVersionHandle update(ModelVersionUpdate update) {
        return versions().update(name(), version(), update);
    }

    /** As {@link #update}, without waiting. */
    public CompletableFuture<ModelVersionHandle> updateAsync(ModelVersionUpdate update) {
        return versions().updateAsync(name(), version(), update);
    }

    /**
     * Adds or changes tags, leaving the others.
     *
     * @param tags values by key
     * @return the version as it is now
     */
    public ModelVersionHandle setTags(Map<String, String> tags) {
        return Calls.await(setTagsAsync(tags));
    }

    /** As {@link #setTags}, without waiting. */
    public CompletableFuture<ModelVersionHandle> setTagsAsync(Map<String, String> tags) {
        return versions().updateTagsAsync(name(), version(), tags, List.of());
    }

    /**
     * Removes tags. Fails with {@code TAG_NOT_FOUND} for one that is not there.
     *
     * @param keys their keys
     * @return the version as it is now
     */
    public ModelVersionHandle deleteTags(String... keys) {
        return Calls.await(deleteTagsAsync(keys));
    }

    /** As {@link #deleteTags}, without waiting. */
    public CompletableFuture<ModelVersionHandle> deleteTagsAsync(String... keys) {
        return versions().updateTagsAsync(name(), version(), Map.of(), List.of(keys));
    }

    /**
     * Moves it to a stage, and on request the others of that stage to {@code STAGE_ARCHIVED}, all at once.
     *
     * @param stage where it goes
     * @param archiveExisting whether the others of the stage are archived; only for staging and production
     * @return the version as it is now, and which were archived
     */
    public Transition transition(ModelVersion.Stage stage, boolean archiveExisting) {
        return versions().transition(name(), version(), stage, archiveExisting);
    }

    /** As {@link #transition}, without waiting. */
    public CompletableFuture<Transition> transitionAsync(ModelVersion.Stage stage, boolean archiveExisting) {
        return versions().transitionAsync(name(), version(), stage, archiveExisting);
    }

    /**
     * Makes the next version of another registered model of the same files.
     *
     * @param destination the registered model that gets the copy
     * @param createModel whether to create that when it does not exist
     * @return the new version
     */
    public ModelVersionHandle copy(String destination, boolean createModel) {
        return versions().copy(name(), version(), destination, createModel);
    }

    /** As {@link #copy}, without waiting. */
    public CompletableFuture<ModelVersionHandle> copyAsync(String destination, boolean createModel) {
        return versions().copyAsync(name(), version(), destination, createModel);
    }

    /**
     * Downloads its files, as {@link ModelVersions#download(String, Path)}.
     *
     * @param destination the folder to make; does not exist, or is empty
     * @return the folder
     */
    public Path download(Path destination) {
        return versions().download(uri(), destination);
    }

    /** Removes it and its aliases for good. */
    public void delete() {
        versions().delete(name(), version());
    }

    /** As {@link #delete}, without waiting. */
    public CompletableFuture<Void> deleteAsync() {
        return versions().deleteAsync(name(), version());
    }

    @Override
    public String toString() {
        return "ModelVersionHandle(" + uri() + ", " + status() + ")";
    }

    private ModelVersions versions() {
        return new ModelVersions(calls);
    }

    private static Optional<String> given(String text) {
        return text.isEmpty() ? Optional.empty() : Optional.of(text);
    }
}
