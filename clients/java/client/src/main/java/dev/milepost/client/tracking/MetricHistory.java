package dev.milepost.client.tracking;

import dev.milepost.v1.MetricPoints;
import java.util.Arrays;
import java.util.Collection;

/**
 * Points of one metric of one run in the order in which they were stored, as columns of equal length.
 *
 * <p>The arrays are the history's own, without a copy: change them only if nobody else reads it.
 */
public final class MetricHistory {
    private final String runId;
    private final String key;
    private final long[] steps;
    private final long[] timestampsMs;
    private final double[] values;

    private MetricHistory(String runId, String key, int size) {
        this.runId = runId;
        this.key = key;
        steps = new long[size];
        timestampsMs = new long[size];
        values = new double[size];
    }

    /** The points of messages, one behind the other. */
    static MetricHistory of(String runId, String key, Collection<MetricPoints> parts) {
        int size = parts.stream().mapToInt(MetricPoints::getValuesCount).sum();
        MetricHistory history = new MetricHistory(runId, key, size);
        int at = 0;
        for (MetricPoints part : parts) {
            // Primitive getters, which neither box nor round.
            for (int i = 0; i < part.getValuesCount(); i++, at++) {
                history.steps[at] = part.getSteps(i);
                history.timestampsMs[at] = part.getTimestampsMs(i);
                history.values[at] = part.getValues(i);
            }
        }
        return history;
    }

    /** {@return the id of the run} */
    public String runId() {
        return runId;
    }

    /** {@return the metric} */
    public String key() {
        return key;
    }

    /** {@return the number of points} */
    public int size() {
        return values.length;
    }

    /** {@return the step of each point, not copied} */
    public long[] steps() {
        return steps;
    }

    /** {@return the time of each point in milliseconds since the Unix epoch, not copied} */
    public long[] timestampsMs() {
        return timestampsMs;
    }

    /** {@return the value of each point, bit for bit as logged, not copied} */
    public double[] values() {
        return values;
    }

    /** {@return the points as a message, for example to log them to another run} */
    public MetricPoints toPoints() {
        return Metrics.points(key, steps, timestampsMs, values);
    }

    /** {@return whether the other is a history of the same run and metric with the same points, bit for bit} */
    @Override
    public boolean equals(Object other) {
        if (!(other instanceof MetricHistory history) || size() != history.size()) {
            return false;
        }
        for (int i = 0; i < size(); i++) {
            if (Double.doubleToRawLongBits(values[i]) != Double.doubleToRawLongBits(history.values[i])) {
                return false;
            }
        }
        return runId.equals(history.runId)
                && key.equals(history.key)
                && Arrays.equals(steps, history.steps)
                && Arrays.equals(timestampsMs, history.timestampsMs);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * runId.hashCode() + key.hashCode()) + Arrays.hashCode(steps);
    }

    @Override
    public String toString() {
        return "MetricHistory(" + runId + ", " + key + ", " + size() + " points)";
    }
}
