package dev.milepost.client.registry;

import dev.milepost.v1.CreateModelVersionRequest;
import dev.milepost.v1.ModelVersion;
import dev.milepost.v1.ModelVersionOrigin;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * A version of a registered model to create. Its user is that of this process, unless another is given.
 *
 * @param request what is sent
 */
public record NewModelVersion(CreateModelVersionRequest request) {
    /**
     * {@return a version that consists of a logged model}
     *
     * @param name the registered model
     * @param modelId a logged model that is ready
     */
    public static NewModelVersion ofLoggedModel(String name, String modelId) {
        return of(ModelVersion.newBuilder().setName(name).setModelId(modelId));
    }

    /**
     * {@return a version that consists of artifacts of a run}
     *
     * @param name the registered model
     * @param runId the run
     * @param path directory of the files below the run's artifact folder
     */
    public static NewModelVersion ofRun(String name, String runId, String path) {
        return of(ModelVersion.newBuilder().setName(name).setRunId(runId).setPath(path));
    }

    /**
     * {@return a version of files that the server does not keep}
     *
     * @param name the registered model
     * @param url where they are, such as {@code s3://bucket/model}; the server never opens it
     */
    public static NewModelVersion ofUrl(String name, String url) {
        return of(ModelVersion.newBuilder().setName(name).setSourceUri(url));
    }

    /**
     * {@return the same with a description}
     *
     * @param text free text, Markdown by convention
     */
    public NewModelVersion description(String text) {
        return with(version -> version.setDescription(text));
    }

    /**
     * {@return the same with a model card}
     *
     * @param text what the model is for, how it was made and judged, its limits; Markdown
     */
    public NewModelVersion modelCard(String text) {
        return with(version -> version.setModelCard(text));
    }

    /**
     * {@return the same with one more tag}
     *
     * @param key 1-250 characters
     * @param value at most 100,000 characters
     */
    public NewModelVersion tag(String key, String value) {
        return tags(Map.of(key, value));
    }

    /**
     * {@return the same with further tags}
     *
     * @param tags values by key
     */
    public NewModelVersion tags(Map<String, String> tags) {
        return with(version -> version.putAllTags(tags));
    }

    /**
     * {@return the same with a status}
     *
     * @param status {@code STATUS_PENDING} for files at a URL that are still being written; default
     *     {@code STATUS_READY}
     */
    public NewModelVersion status(ModelVersion.Status status) {
        return with(version -> version.setStatus(status));
    }

    /**
     * {@return the same with the digest of files at a URL}
     *
     * @param digest SHA-256 of the list of the files, 64 lowercase hexadecimal digits
     */
    public NewModelVersion sha256(String digest) {
        return with(version -> version.setSha256(digest));
    }

    /**
     * {@return the same, saying what made files at a URL; the server does not check it}
     *
     * @param runId the run; empty for none
     * @param modelId the logged model; empty for none
     */
    public NewModelVersion madeBy(String runId, String modelId) {
        return with(version -> version.setRunId(runId).setModelId(modelId));
    }

    /**
     * {@return the same as a copy of a version of another server}
     *
     * @param origin that version
     */
    public NewModelVersion copiedFrom(ModelVersionOrigin origin) {
        return with(version -> version.setCopiedFrom(origin));
    }

    /**
     * {@return the same with another user}
     *
     * @param user who creates it; empty for nobody
     */
    public NewModelVersion user(String user) {
        return with(version -> version.setUser(user));
    }

    /** {@return the same, creating the registered model when it does not exist} */
    public NewModelVersion createModel() {
        return new NewModelVersion(request.toBuilder().setCreateModel(true).build());
    }

    /**
     * {@return the same with an id that makes a repeat by another process safe; the client makes one for its own}
     *
     * @param id at most 128 characters
     */
    public NewModelVersion requestId(String id) {
        return new NewModelVersion(request.toBuilder().setRequestId(id).build());
    }

    private static NewModelVersion of(ModelVersion.Builder version) {
        return new NewModelVersion(CreateModelVersionRequest.newBuilder()
                .setModelVersion(version.setUser(System.getProperty("user.name", "")))
                .build());
    }

    private NewModelVersion with(UnaryOperator<ModelVersion.Builder> change) {
        return new NewModelVersion(request.toBuilder()
                .setModelVersion(change.apply(request.getModelVersion().toBuilder()))
                .build());
    }
}
