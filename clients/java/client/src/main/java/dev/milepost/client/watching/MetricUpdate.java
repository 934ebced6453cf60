package dev.milepost.client.watching;

import dev.milepost.v1.MetricPoints;
import dev.milepost.v1.WatchedPoints;
import java.util.Arrays;

/**
 * New points of one metric of one run, as columns of equal length, in the order in which they were stored.
 *
 * @param proto the points as they came
 */
public record MetricUpdate(WatchedPoints proto) {
    /** {@return the run's id} */
    public String runId() {
        return proto.getRunId();
    }

    /** {@return the metric} */
    public String key() {
        return points().getKey();
    }

    /** {@return the number of points} */
    public int size() {
        return points().getValuesCount();
    }

    /**
     * {@return the step of a point}
     *
     * @param index the point, from 0
     */
    public long step(int index) {
        return points().getSteps(index);
    }

    /**
     * {@return the time of a point, in milliseconds since the Unix epoch}
     *
     * @param index the point, from 0
     */
    public long timestampMs(int index) {
        return points().getTimestampsMs(index);
    }

    /**
     * {@return the value of a point, bit for bit as logged}
     *
     * @param index the point, from 0
     */
    public double value(int index) {
        return points().getValues(index);
    }

    /** {@return the steps, a new array} */
    public long[] steps() {
        long[] steps = new long[size()];
        Arrays.setAll(steps, this::step);
        return steps;
    }

    /** {@return the times in milliseconds since the Unix epoch, a new array} */
    public long[] timestampsMs() {
        long[] times = new long[size()];
        Arrays.setAll(times, this::timestampMs);
        return times;
    }

    /** {@return the values, bit for bit as logged, a new array} */
    public double[] values() {
        double[] values = new double[size()];
        Arrays.setAll(values, this::value);
        return values;
    }

    /** {@return whether the metric was rewound or removed: what came before of it is void} */
    public boolean restarted() {
        return proto.getRestarted();
    }

    /** {@return how many new points were left out, because there are more than the watch takes at once} */
    public long skipped() {
        return proto.getSkipped();
    }

    private MetricPoints points() {
        return proto.getPoints();
    }
}
