package dev.milepost.client.tracking;

import dev.milepost.client.values.Times;
import dev.milepost.v1.DatasetInput;
import dev.milepost.v1.MetricSummary;
import dev.milepost.v1.ModelInput;
import dev.milepost.v1.Run;
import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What can be read of a run. */
public abstract sealed class RunView permits RunHandle {
    private final Run proto;

    RunView(Run proto) {
        this.proto = proto;
    }

    /** {@return the resource itself} */
    public final Run proto() {
        return proto;
    }

    /** {@return the id} */
    public final String id() {
        return proto.getRunId();
    }

    /** {@return the id of its experiment} */
    public final String experimentId() {
        return proto.getExperimentId();
    }

    /** {@return the name shown in lists} */
    public final String name() {
        return proto.getName();
    }

    /** {@return where it stands; {@code UNRECOGNIZED}, a state younger than this client, is to be read as running} */
    public final Run.State state() {
        return proto.getState();
    }

    /** {@return when the work began} */
    public final Instant startTime() {
        return Times.instant(proto.getStartTime());
    }

    /** {@return when the work ended; empty while it goes on} */
    public final Optional<Instant> endTime() {
        return proto.hasEndTime() ? Optional.of(Times.instant(proto.getEndTime())) : Optional.empty();
    }

    /** {@return free text} */
    public final String description() {
        return proto.getDescription();
    }

    /** {@return who started it; empty when nobody said} */
    public final String user() {
        return proto.getUser();
    }

    /** {@return the id of the run that it is nested in} */
    public final Optional<String> parentRunId() {
        return Optional.of(proto.getParentRunId()).filter(id -> !id.isEmpty());
    }

    /**
     * {@return params by key: String, Boolean, Long or Double; those of JSON as List, Map or null}
     *
     * @throws IllegalArgumentException when one of them cannot be read, see {@link ParamValues#toObject}
     */
    public final Map<String, Object> params() {
        return ParamValues.toObjects(proto.getParamsMap());
    }

    /** {@return labels by key} */
    public final Map<String, String> tags() {
        return proto.getTagsMap();
    }

    /** {@return the last value of each metric, by step and then time} */
    public final Map<String, Double> metrics() {
        Map<String, Double> last = new LinkedHashMap<>();
        proto.getMetricsMap().forEach((key, summary) -> last.put(key, summary.getLast()));
        return Collections.unmodifiableMap(last);
    }

    /** {@return first, last, smallest and greatest value and count of each metric} */
    public final Map<String, MetricSummary> metricSummaries() {
        return proto.getMetricsMap();
    }

    /** {@return the datasets that it read} */
    public final List<DatasetInput> inputs() {
        return proto.getInputsList();
    }

    /** {@return ids of the logged models that it used} */
    public final List<String> modelInputs() {
        return proto.getModelInputsList().stream().map(ModelInput::getModelId).toList();
    }

    /** {@return the step of each logged model that it made, by the model's id, in order of the steps} */
    public final Map<String, Long> modelOutputs() {
        Map<String, Long> steps = new LinkedHashMap<>();
        proto.getModelOutputsList().forEach(model -> steps.put(model.getModelId(), model.getStep()));
        return Collections.unmodifiableMap(steps);
    }

    /** {@return URL of the folder of its artifacts} */
    public final String artifactRoot() {
        return proto.getArtifactRoot();
    }

    /** {@return whether it is deleted and not purged yet} */
    public final boolean isDeleted() {
        return proto.hasDeleteTime();
    }

    /** {@return what changes with every change of its fields} */
    public final String etag() {
        return proto.getEtag();
    }
}
