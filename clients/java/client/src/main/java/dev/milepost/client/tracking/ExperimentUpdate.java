package dev.milepost.client.tracking;

import dev.milepost.client.values.Masks;
import dev.milepost.v1.Experiment;
import dev.milepost.v1.UpdateExperimentRequest;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * What to change of an experiment. What is not named stays.
 *
 * @param request what is sent, without the id of the experiment
 */
public record ExperimentUpdate(UpdateExperimentRequest request) {
    /** {@return one that changes nothing yet} */
    public static ExperimentUpdate none() {
        return new ExperimentUpdate(UpdateExperimentRequest.getDefaultInstance());
    }

    /**
     * {@return the same with a new name}
     *
     * @param name unique, also among deleted experiments; 1-250 characters
     */
    public ExperimentUpdate name(String name) {
        return with("name", experiment -> experiment.setName(name));
    }

    /**
     * {@return the same with a new description}
     *
     * @param text free text, at most 100,000 characters
     */
    public ExperimentUpdate description(String text) {
        return with("description", experiment -> experiment.setDescription(text));
    }

    /**
     * {@return the same with tags that replace all that there are}
     *
     * @param tags values by key, at most 100
     */
    public ExperimentUpdate tags(Map<String, String> tags) {
        return with("tags", experiment -> experiment.clearTags().putAllTags(tags));
    }

    /**
     * {@return the same, refused with {@code ETAG_MISMATCH} when the experiment has changed since}
     *
     * @param etag {@link ExperimentHandle#etag} as it was read
     */
    public ExperimentUpdate ifEtag(String etag) {
        return new ExperimentUpdate(request.toBuilder()
                .setExperiment(request.getExperiment().toBuilder().setEtag(etag))
                .build());
    }

    UpdateExperimentRequest of(String id) {
        return request.toBuilder()
                .setExperiment(request.getExperiment().toBuilder().setExperimentId(id))
                .build();
    }

    private ExperimentUpdate with(String field, UnaryOperator<Experiment.Builder> change) {
        return new ExperimentUpdate(request.toBuilder()
                .setExperiment(change.apply(request.getExperiment().toBuilder()))
                .setUpdateMask(Masks.with(request.getUpdateMask(), field))
                .build());
    }
}
