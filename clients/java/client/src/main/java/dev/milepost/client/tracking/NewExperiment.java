package dev.milepost.client.tracking;

import dev.milepost.v1.CreateExperimentRequest;
import dev.milepost.v1.Experiment;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * An experiment to create.
 *
 * @param request what is sent
 */
public record NewExperiment(CreateExperimentRequest request) {
    /**
     * {@return one without description and tags}
     *
     * @param name unique, also among deleted experiments; 1-250 characters
     */
    public static NewExperiment named(String name) {
        return new NewExperiment(CreateExperimentRequest.newBuilder()
                .setExperiment(Experiment.newBuilder().setName(name))
                .build());
    }

    /**
     * {@return the same with a description}
     *
     * @param text free text, at most 100,000 characters
     */
    public NewExperiment description(String text) {
        return with(experiment -> experiment.setDescription(text));
    }

    /**
     * {@return the same with one more tag}
     *
     * @param key 1-250 characters
     * @param value at most 20,000 characters
     */
    public NewExperiment tag(String key, String value) {
        return with(experiment -> experiment.putTags(key, value));
    }

    /**
     * {@return the same with further tags}
     *
     * @param tags values by key, at most 100 together
     */
    public NewExperiment tags(Map<String, String> tags) {
        return with(experiment -> experiment.putAllTags(tags));
    }

    /**
     * {@return the same with an id that makes a repeat by another process safe;
     * the client makes one for its own repeats}
     *
     * @param id at most 128 characters
     */
    public NewExperiment requestId(String id) {
        return new NewExperiment(request.toBuilder().setRequestId(id).build());
    }

    private NewExperiment with(UnaryOperator<Experiment.Builder> change) {
        Experiment.Builder experiment = request.getExperiment().toBuilder();
        return new NewExperiment(
                request.toBuilder().setExperiment(change.apply(experiment)).build());
    }
}
