package dev.milepost.client.registry;

import dev.milepost.client.values.Masks;
import dev.milepost.v1.ModelVersion;
import dev.milepost.v1.UpdateModelVersionRequest;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * What to change of a version of a registered model. What is not named stays.
 *
 * @param request what is sent, without the name and number of the version
 */
public record ModelVersionUpdate(UpdateModelVersionRequest request) {
    /** {@return one that changes nothing yet} */
    public static ModelVersionUpdate none() {
        return new ModelVersionUpdate(UpdateModelVersionRequest.getDefaultInstance());
    }

    /**
     * {@return the same with a new description}
     *
     * @param text free text, Markdown by convention
     */
    public ModelVersionUpdate description(String text) {
        return with("description", version -> version.setDescription(text));
    }

    /**
     * {@return the same with a new model card}
     *
     * @param text what the model is for, how it was made and judged, its limits; Markdown
     */
    public ModelVersionUpdate modelCard(String text) {
        return with("model_card", version -> version.setModelCard(text));
    }

    /**
     * {@return the same with tags that replace all that there are}
     *
     * @param tags values by key
     */
    public ModelVersionUpdate tags(Map<String, String> tags) {
        return with("tags", version -> version.clearTags().putAllTags(tags));
    }

    /**
     * {@return the same with a new status, which a ready version refuses with {@code MODEL_VERSION_READY}}
     *
     * @param status whether the files at its URL are complete
     * @param why for people; may be empty
     */
    public ModelVersionUpdate status(ModelVersion.Status status, String why) {
        return with("status", version -> version.setStatus(status))
                .with("status_message", version -> version.setStatusMessage(why));
    }

    /**
     * {@return the same, refused with {@code ETAG_MISMATCH} when the version has changed since}
     *
     * @param etag {@link ModelVersionHandle#etag} as it was read
     */
    public ModelVersionUpdate ifEtag(String etag) {
        return new ModelVersionUpdate(request.toBuilder()
                .setModelVersion(request.getModelVersion().toBuilder().setEtag(etag))
                .build());
    }

    UpdateModelVersionRequest of(String name, long number) {
        return request.toBuilder()
                .setModelVersion(request.getModelVersion().toBuilder().setName(name).setVersion(number))
                .build();
    }

    private ModelVersionUpdate with(String field, UnaryOperator<ModelVersion.Builder> change) {
        return new ModelVersionUpdate(request.toBuilder()
                .setModelVersion(change.apply(request.getModelVersion().toBuilder()))
                .setUpdateMask(Masks.with(request.getUpdateMask(), field))
                .build());
    }
}
