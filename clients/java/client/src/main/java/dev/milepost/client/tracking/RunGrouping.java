package dev.milepost.client.tracking;

import dev.milepost.v1.GroupRunsRequest;
import java.util.List;

/**
 * How to group runs.
 *
 * @param request what is sent, without the choice of runs
 */
public record RunGrouping(GroupRunsRequest request) {
    /**
     * {@return groups of runs that agree in all of these, the largest group first}
     *
     * @param columns 1 to 10 params, tags or attributes, for example {@code params.lr}, {@code tags.team}
     */
    public static RunGrouping by(String... columns) {
        return new RunGrouping(
                GroupRunsRequest.newBuilder().addAllGroupBy(List.of(columns)).build());
    }

    /**
     * {@return the same with aggregates of metrics over each group}
     *
     * @param names at most 50, for example {@code metrics.accuracy} or {@code metrics.loss.min}
     */
    public RunGrouping metrics(String... names) {
        return new RunGrouping(
                request.toBuilder().clearMetrics().addAllMetrics(List.of(names)).build());
    }

    /**
     * {@return the same in another order}
     *
     * @param key {@code runs}, or an aggregate such as {@code mean(metrics.accuracy) DESC}; default {@code runs DESC}
     */
    public RunGrouping orderBy(String key) {
        return new RunGrouping(request.toBuilder().setOrderBy(key).build());
    }
}
