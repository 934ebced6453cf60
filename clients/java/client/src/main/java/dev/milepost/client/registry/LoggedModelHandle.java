package dev.milepost.client.registry;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.tracking.ParamValues;
import dev.milepost.client.values.Times;
import dev.milepost.v1.LoggedModel;
import dev.milepost.v1.ModelFile;
import dev.milepost.v1.ModelMetric;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * A logged model as it was when it was read. It never changes: verbs that change the model return it anew. They fail as
 * those of {@link LoggedModels}.
 */
public final class LoggedModelHandle {
    private final Calls calls;
    private final LoggedModel proto;

    LoggedModelHandle(Calls calls, LoggedModel proto) {
        this.calls = calls;
        this.proto = proto;
    }

    /** {@return the resource itself} */
    public LoggedModel proto() {
        return proto;
    }

    /** {@return the id: {@code m-} and 32 hexadecimal digits} */
    public String id() {
        return proto.getModelId();
    }

    /** {@return what names it: {@code models:/ID}} */
    public String uri() {
        return new ModelUri.OfLoggedModel(id()).toString();
    }

    /** {@return what it is called within its run; need not be unique} */
    public String name() {
        return proto.getName();
    }

    /** {@return the run that made it, or that holds its files} */
    public String runId() {
        return proto.getRunId();
    }

    /** {@return the run's experiment} */
    public String experimentId() {
        return proto.getExperimentId();
    }

    /** {@return directory of its files below the run's artifact folder} */
    public String path() {
        return proto.getPath();
    }

    /** {@return whether its files are complete} */
    public LoggedModel.Status status() {
        return proto.getStatus();
    }

    /** {@return why the upload was given up, for people} */
    public String statusMessage() {
        return proto.getStatusMessage();
    }

    /** {@return what it is for, such as {@code classifier}; empty when nobody said} */
    public String modelType() {
        return proto.getModelType();
    }

    /** {@return flavors that its descriptor names} */
    public List<String> flavors() {
        return proto.getFlavorsList();
    }

    /** {@return its signature as JSON, as in the descriptor; empty for none} */
    public String signatureJson() {
        return proto.getSignatureJson();
    }

    /** {@return params by key, as {@link ParamValues#toObject} makes them} */
    public Map<String, Object> params() {
        return ParamValues.toObjects(proto.getParamsMap());
    }

    /** {@return labels by key} */
    public Map<String, String> tags() {
        return proto.getTagsMap();
    }

    /** {@return one value for each key and dataset} */
    public List<ModelMetric> metrics() {
        return proto.getMetricsList();
    }

    /** {@return its files with their digests once it is ready, in order of their paths; lists leave them out} */
    public List<ModelFile> files() {
        return proto.getFilesList();
    }

    /** {@return digest of the list of its files, 64 lowercase hexadecimal digits, once it is ready} */
    public Optional<String> sha256() {
        return proto.getSha256().isEmpty() ? Optional.empty() : Optional.of(proto.getSha256());
    }

    /** {@return bytes of its files; 0 until it is ready} */
    public long size() {
        return proto.getSize();
    }

    /** {@return when it was created} */
    public Instant createTime() {
        return Times.instant(proto.getCreateTime());
    }

    /** {@return when it last changed} */
    public Instant updateTime() {
        return Times.instant(proto.getUpdateTime());
    }

    /** {@return whether it is deleted and not purged yet} */
    public boolean isDeleted() {
        return proto.hasDeleteTime();
    }

    /** {@return the model as it is now, with its files} */
    public LoggedModelHandle refresh() {
        return models().get(id());
    }

    /** As {@link #refresh}, without waiting. */
    public CompletableFuture<LoggedModelHandle> refreshAsync() {
        return models().getAsync(id());
    }

    /**
     * Writes params, tags and metrics in one transaction.
     *
     * @param update what to write
     * @return the model as it is now
     */
    public LoggedModelHandle update(LoggedModelUpdate update) {
        return models().update(id(), update);
    }

    /** As {@link #update}, without waiting. */
    public CompletableFuture<LoggedModelHandle> updateAsync(LoggedModelUpdate update) {
        return models().updateAsync(id(), update);
    }

    /**
     * Makes it the next version of a registered model, as {@link ModelVersions#register}.
     *
     * @param as name of the registered model, and what to say about the version
     * @return the version
     */
    public ModelVersionHandle register(Registration as) {
        return new ModelVersions(calls).register(uri(), as);
    }

    /**
     * Downloads its files, as {@link ModelVersions#download(String, Path)}.
     *
     * @param destination the folder to make; does not exist, or is empty
     * @return the folder
     */
    public Path download(Path destination) {
        return new ModelVersions(calls).download(uri(), destination);
    }

    /**
     * Marks it as deleted. Fails with {@code MODEL_IN_USE} while versions of registered models consist of it.
     *
     * @return the model as it is now
     */
    public LoggedModelHandle delete() {
        return models().delete(id());
    }

    /** As {@link #delete}, without waiting. */
    public CompletableFuture<LoggedModelHandle> deleteAsync() {
        return models().deleteAsync(id());
    }

    /**
     * Takes back {@link #delete}.
     *
     * @return the model as it is now
     */
    public LoggedModelHandle restore() {
        return models().restore(id());
    }

    /** As {@link #restore}, without waiting. */
    public CompletableFuture<LoggedModelHandle> restoreAsync() {
        return models().restoreAsync(id());
    }

    @Override
    public String toString() {
        return "LoggedModelHandle(" + uri() + ", " + name() + ", " + status() + ")";
    }

    private LoggedModels models() {
        return new LoggedModels(calls);
    }
}
