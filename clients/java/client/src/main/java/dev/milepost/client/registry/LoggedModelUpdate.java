package dev.milepost.client.registry;

import dev.milepost.client.tracking.ParamValues;
import dev.milepost.v1.ModelMetric;
import dev.milepost.v1.UpdateLoggedModelRequest;
import java.util.List;
import java.util.Map;

/**
 * Params, tags and metrics to write to a logged model, in one transaction.
 *
 * @param request what is sent, without the id of the model
 */
public record LoggedModelUpdate(UpdateLoggedModelRequest request) {
    /** {@return one that writes nothing yet} */
    public static LoggedModelUpdate none() {
        return new LoggedModelUpdate(UpdateLoggedModelRequest.getDefaultInstance());
    }

    /**
     * {@return the same with one more param, which is refused with {@code PARAM_CONFLICT} when it has another value}
     *
     * @param key 1-500 characters
     * @param value see {@link ParamValues#of(Object)}
     * @throws IllegalArgumentException when no param can hold the value
     */
    public LoggedModelUpdate param(String key, Object value) {
        return new LoggedModelUpdate(
                request.toBuilder().putParams(key, ParamValues.of(key, value)).build());
    }

    /**
     * {@return the same with further params}
     *
     * @param params values by key, see {@link ParamValues#of(Object)}
     * @throws IllegalArgumentException when no param can hold a value
     */
    public LoggedModelUpdate params(Map<String, ?> params) {
        return new LoggedModelUpdate(
                request.toBuilder().putAllParams(ParamValues.of(params)).build());
    }

    /**
     * {@return the same with one more tag to add or change}
     *
     * @param key 1-250 characters
     * @param value at most 65,535 characters
     */
    public LoggedModelUpdate tag(String key, String value) {
        return new LoggedModelUpdate(request.toBuilder().putTags(key, value).build());
    }

    /**
     * {@return the same with further tags to add or change}
     *
     * @param tags values by key
     */
    public LoggedModelUpdate tags(Map<String, String> tags) {
        return new LoggedModelUpdate(request.toBuilder().putAllTags(tags).build());
    }

    /**
     * {@return the same with further tags to remove; one that is not there is {@code TAG_NOT_FOUND}}
     *
     * @param keys their keys
     */
    public LoggedModelUpdate deleteTags(String... keys) {
        return new LoggedModelUpdate(
                request.toBuilder().addAllDeleteTags(List.of(keys)).build());
    }

    /**
     * {@return the same with one more metric of no dataset, at step 0 and the time of the server}
     *
     * @param key 1-500 characters
     * @param value kept bit for bit
     */
    public LoggedModelUpdate metric(String key, double value) {
        return metrics(ModelMetric.newBuilder().setKey(key).setValue(value).build());
    }

    /**
     * {@return the same with further metrics; one replaces that of its key and dataset, unless that has a greater step,
     * or the same at a later time}
     *
     * @param metrics with their datasets and steps
     */
    public LoggedModelUpdate metrics(ModelMetric... metrics) {
        return new LoggedModelUpdate(
                request.toBuilder().addAllMetrics(List.of(metrics)).build());
    }
}
