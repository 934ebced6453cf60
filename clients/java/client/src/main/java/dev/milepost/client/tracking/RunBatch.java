package dev.milepost.client.tracking;

import dev.milepost.v1.LogBatchRequest;
import dev.milepost.v1.LoggedModelMetrics;
import dev.milepost.v1.MetricPoints;
import dev.milepost.v1.ModelMetric;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Params, tags and metric points to log to a run in one transaction: all or nothing.
 *
 * <pre>{@code
 * runs.logBatch(id, RunBatch.builder().param("lr", 3e-4).tag("team", "vision").metric("loss", 0.3, 1).build());
 * }</pre>
 *
 * @param request what is sent, without the id of the run
 */
public record RunBatch(LogBatchRequest request) {
    /** {@return an empty batch to fill} */
    public static Builder builder() {
        return new Builder();
    }

    LogBatchRequest of(String runId) {
        return request.toBuilder().setRunId(runId).build();
    }

    /** Collects what one transaction is to store. Not for several threads at once. */
    public static final class Builder {
        private final LogBatchRequest.Builder request = LogBatchRequest.newBuilder();
        private final Map<String, MetricPoints.Builder> points = new LinkedHashMap<>();

        private Builder() {}

        /**
         * Adds a param.
         *
         * @param key 1-500 characters
         * @param value see {@link ParamValues#of}
         * @return this builder
         * @throws IllegalArgumentException when the value is none of a param
         */
        public Builder param(String key, Object value) {
            request.putParams(key, ParamValues.of(key, value));
            return this;
        }

        /**
         * Adds params.
         *
         * @param params values by key, at most 5,000 together
         * @return this builder
         * @throws IllegalArgumentException when a value is none of a param
         */
        public Builder params(Map<String, ?> params) {
            request.putAllParams(ParamValues.of(params));
            return this;
        }

        /**
         * Adds a tag.
         *
         * @param key 1-250 characters
         * @param value at most 65,535 characters
         * @return this builder
         */
        public Builder tag(String key, String value) {
            request.putTags(key, value);
            return this;
        }

        /**
         * Adds tags.
         *
         * @param tags values by key, at most 1,000 together
         * @return this builder
         */
        public Builder tags(Map<String, String> tags) {
            request.putAllTags(tags);
            return this;
        }

        /**
         * Adds a point of a metric, at the present time.
         *
         * @param key 1-500 characters
         * @param value kept bit for bit
         * @param step position on the training axis
         * @return this builder
         */
        public Builder metric(String key, double value, long step) {
            return metric(key, value, step, System.currentTimeMillis());
        }

        /**
         * Adds a point of a metric.
         *
         * @param key 1-500 characters
         * @param value kept bit for bit
         * @param step position on the training axis
         * @param timestampMs its time, in milliseconds since the Unix epoch
         * @return this builder
         */
        public Builder metric(String key, double value, long step, long timestampMs) {
            points.computeIfAbsent(key, name -> MetricPoints.newBuilder().setKey(name))
                    .addValues(value)
                    .addSteps(step)
                    .addTimestampsMs(timestampMs);
            return this;
        }

        /**
         * Adds columns of points, for example of {@link MetricHistory#toPoints}.
         *
         * @param columns points; a batch holds at most 100,000 in 20,000 columns
         * @return this builder
         */
        public Builder points(MetricPoints columns) {
            request.addMetrics(columns);
            return this;
        }

        /**
         * Adds metrics of a logged model, which the run measured unless they name another.
         *
         * @param modelId the logged model's id
         * @param metrics at most 10,000 in a batch
         * @return this builder
         */
        public Builder modelMetrics(String modelId, ModelMetric... metrics) {
            request.addModelMetrics(
                    LoggedModelMetrics.newBuilder().setModelId(modelId).addAllMetrics(List.of(metrics)));
            return this;
        }

        /**
         * Leaves out points that are stored already, or come earlier in the batch, with the same key, step, time and
         * value: NaN equals NaN, and -0.0 differs from 0.0.
         *
         * @return this builder
         */
        public Builder skipRepeatedPoints() {
            request.setSkipRepeatedPoints(true);
            return this;
        }

        /**
         * Gives the run another name.
         *
         * @param name 1-250 characters
         * @return this builder
         */
        public Builder name(String name) {
            request.setName(name);
            return this;
        }

        /**
         * Gives the run another description.
         *
         * @param text at most 100,000 characters
         * @return this builder
         */
        public Builder description(String text) {
            request.setDescription(text);
            return this;
        }

        /** {@return the batch, with what was added so far} */
        public RunBatch build() {
            LogBatchRequest.Builder whole = request.clone();
            points.values().forEach(whole::addMetrics);
            return new RunBatch(whole.build());
        }
    }
}
