package dev.milepost.client.tracking;

import dev.milepost.client.values.Times;
import dev.milepost.v1.CreateRunRequest;
import dev.milepost.v1.Run;
import java.time.Instant;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * A run to create.
 *
 * @param request what is sent
 */
public record NewRun(CreateRunRequest request) {
    /** {@return one in the experiment {@code Default}, with a name that the server makes up} */
    public static NewRun inDefault() {
        return new NewRun(CreateRunRequest.newBuilder()
                .setRun(Run.newBuilder().setState(Run.State.STATE_RUNNING))
                .build());
    }

    /**
     * {@return one with a name that the server makes up}
     *
     * @param experimentId its experiment
     */
    public static NewRun in(String experimentId) {
        return inDefault().experiment(experimentId);
    }

    /**
     * {@return the same in an experiment}
     *
     * @param experimentId its id
     */
    public NewRun experiment(String experimentId) {
        return with(run -> run.setExperimentId(experimentId));
    }

    /**
     * {@return the same with a name}
     *
     * @param name shown in lists, at most 250 characters; need not be unique
     */
    public NewRun name(String name) {
        return with(run -> run.setName(name));
    }

    /**
     * {@return the same with an id of one's own choice; creating it fails with {@code RUN_EXISTS} when it is taken}
     *
     * @param id 1-64 letters, digits, {@code _} and {@code -}, the first a letter or digit
     */
    public NewRun id(String id) {
        return with(run -> run.setRunId(id));
    }

    /**
     * {@return the same with one more param}
     *
     * @param key 1-500 characters
     * @param value see {@link ParamValues#of}
     * @throws IllegalArgumentException when the value is none of a param
     */
    public NewRun param(String key, Object value) {
        return with(run -> run.putParams(key, ParamValues.of(key, value)));
    }

    /**
     * {@return the same with further params}
     *
     * @param params values by key, at most 5,000 together
     * @throws IllegalArgumentException when a value is none of a param
     */
    public NewRun params(Map<String, ?> params) {
        return with(run -> run.putAllParams(ParamValues.of(params)));
    }

    /**
     * {@return the same with one more tag}
     *
     * @param key 1-250 characters
     * @param value at most 65,535 characters
     */
    public NewRun tag(String key, String value) {
        return with(run -> run.putTags(key, value));
    }

    /**
     * {@return the same with further tags}
     *
     * @param tags values by key, at most 1,000 together
     */
    public NewRun tags(Map<String, String> tags) {
        return with(run -> run.putAllTags(tags));
    }

    /**
     * {@return the same, nested in another run}
     *
     * @param runId an active run of the same experiment
     */
    public NewRun parent(String runId) {
        return with(run -> run.setParentRunId(runId));
    }

    /**
     * {@return the same with a description}
     *
     * @param text free text, at most 100,000 characters
     */
    public NewRun description(String text) {
        return with(run -> run.setDescription(text));
    }

    /**
     * {@return the same with a user}
     *
     * @param name who starts it, at most 250 characters
     */
    public NewRun user(String name) {
        return with(run -> run.setUser(name));
    }

    /**
     * {@return the same in another state}
     *
     * @param state where it stands; {@code STATE_RUNNING} unless chosen
     */
    public NewRun state(Run.State state) {
        return with(run -> run.setState(state));
    }

    /**
     * {@return the same with a time}
     *
     * @param moment when the work began; the time of the call unless chosen
     */
    public NewRun startTime(Instant moment) {
        return with(run -> run.setStartTime(Times.timestamp(moment)));
    }

    /**
     * {@return the same with an id that makes a repeat by another process safe;
     * the client makes one for its own repeats}
     *
     * @param id at most 128 characters
     */
    public NewRun requestId(String id) {
        return new NewRun(request.toBuilder().setRequestId(id).build());
    }

    NewRun with(UnaryOperator<Run.Builder> change) {
        return new NewRun(request.toBuilder()
                .setRun(change.apply(request.getRun().toBuilder()))
                .build());
    }
}
