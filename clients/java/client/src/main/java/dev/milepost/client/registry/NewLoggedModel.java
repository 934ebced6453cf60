package dev.milepost.client.registry;

import dev.milepost.client.tracking.ParamValues;
import dev.milepost.client.values.Ids;
import dev.milepost.v1.CreateLoggedModelRequest;
import dev.milepost.v1.LoggedModel;
import java.util.Collection;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * A logged model to create.
 *
 * @param request what is sent
 */
public record NewLoggedModel(CreateLoggedModelRequest request) {
    /**
     * {@return a model of a run}
     *
     * @param runId the run that makes it
     * @param name what it is called within its run, need not be unique: {@code runs:/RUN_ID/NAME} is the newest ready
     *     one
     */
    public static NewLoggedModel of(String runId, String name) {
        return of(LoggedModel.newBuilder().setRunId(runId).setName(name));
    }

    /**
     * {@return a model that no run made; the server makes a finished run that holds its files}
     *
     * @param experimentId its experiment
     * @param name what it is called
     */
    public static NewLoggedModel withoutRun(String experimentId, String name) {
        return of(LoggedModel.newBuilder().setExperimentId(experimentId).setName(name));
    }

    /** {@return an id that a model may be given, so that its files can say it} */
    public static String newId() {
        return "m-" + Ids.random();
    }

    /**
     * {@return the same with an id of one's own choice}
     *
     * @param id {@code m-} and 32 lowercase hexadecimal digits; default: the server assigns one
     */
    public NewLoggedModel modelId(String id) {
        return with(model -> model.setModelId(id));
    }

    /**
     * {@return the same, recorded as an output of its run}
     *
     * @param step of the training, at which it was saved
     */
    public NewLoggedModel outputStep(long step) {
        return new NewLoggedModel(request.toBuilder().setOutputStep(step).build());
    }

    /**
     * {@return the same with a type}
     *
     * @param type what it is for, such as {@code classifier}; at most 250 characters
     */
    public NewLoggedModel modelType(String type) {
        return with(model -> model.setModelType(type));
    }

    /**
     * {@return the same with flavors}
     *
     * @param names flavors that its descriptor names
     */
    public NewLoggedModel flavors(Collection<String> names) {
        return with(model -> model.clearFlavors().addAllFlavors(names));
    }

    /**
     * {@return the same with a signature}
     *
     * @param json {@code {"inputs": [...], "outputs": [...], "params": [...]}}, as in the descriptor
     */
    public NewLoggedModel signatureJson(String json) {
        return with(model -> model.setSignatureJson(json));
    }

    /**
     * {@return the same with one more param}
     *
     * @param key 1-500 characters
     * @param value see {@link ParamValues#of(Object)}
     * @throws IllegalArgumentException when no param can hold the value
     */
    public NewLoggedModel param(String key, Object value) {
        return with(model -> model.putParams(key, ParamValues.of(key, value)));
    }

    /**
     * {@return the same with further params}
     *
     * @param params values by key, see {@link ParamValues#of(Object)}
     * @throws IllegalArgumentException when no param can hold a value
     */
    public NewLoggedModel params(Map<String, ?> params) {
        return with(model -> model.putAllParams(ParamValues.of(params)));
    }

    /**
     * {@return the same with one more tag}
     *
     * @param key 1-250 characters
     * @param value at most 65,535 characters
     */
    public NewLoggedModel tag(String key, String value) {
        return with(model -> model.putTags(key, value));
    }

    /**
     * {@return the same with further tags}
     *
     * @param tags values by key
     */
    public NewLoggedModel tags(Map<String, String> tags) {
        return with(model -> model.putAllTags(tags));
    }

    /**
     * {@return the same with an id that makes a repeat by another process safe; the client makes one for its own}
     *
     * @param id at most 128 characters
     */
    public NewLoggedModel requestId(String id) {
        return new NewLoggedModel(request.toBuilder().setRequestId(id).build());
    }

    private static NewLoggedModel of(LoggedModel.Builder model) {
        return new NewLoggedModel(
                CreateLoggedModelRequest.newBuilder().setLoggedModel(model).build());
    }

    private NewLoggedModel with(UnaryOperator<LoggedModel.Builder> change) {
        return new NewLoggedModel(request.toBuilder()
                .setLoggedModel(change.apply(request.getLoggedModel().toBuilder()))
                .build());
    }
}
