package dev.milepost.client.tracking;

import dev.milepost.client.values.Masks;
import dev.milepost.v1.ListRunsRequest;
import dev.milepost.v1.View;
import java.util.List;

/**
 * Which runs to look at, and in which order.
 *
 * @param scope the experiments whose runs these are
 * @param request what is sent, without the experiments
 */
public record RunQuery(ExperimentScope scope, ListRunsRequest request) {
    /** {@return all runs that are not deleted, latest start first} */
    public static RunQuery all() {
        return of(ExperimentScope.all());
    }

    /**
     * {@return the runs of experiments, latest start first}
     *
     * @param experimentIds their ids, at least one
     * @throws IllegalArgumentException for none
     */
    public static RunQuery in(String... experimentIds) {
        return of(ExperimentScope.of(experimentIds));
    }

    /**
     * {@return the runs of experiments, latest start first}
     *
     * @param scope the experiments
     */
    public static RunQuery of(ExperimentScope scope) {
        return new RunQuery(scope, ListRunsRequest.getDefaultInstance());
    }

    /**
     * {@return the same, but only those that meet a condition, in place of one given before}
     *
     * @param condition in the filter language, for example {@code metrics.loss < 0.2 AND params.depth >= 4}
     */
    public RunQuery filter(String condition) {
        return new RunQuery(scope, request.toBuilder().setFilter(condition).build());
    }

    /**
     * {@return the same in another order}
     *
     * @param keys comma-separated attributes, metrics, params or tags, each with an optional {@code ASC} or
     *     {@code DESC}, for example {@code metrics.loss.min, start_time DESC}; NaN and missing values come last
     */
    public RunQuery orderBy(String keys) {
        return new RunQuery(scope, request.toBuilder().setOrderBy(keys).build());
    }

    /**
     * {@return the same with deleted ones, or only them}
     *
     * @param view which; default {@code VIEW_ACTIVE}
     */
    public RunQuery view(View view) {
        return new RunQuery(scope, request.toBuilder().setView(view).build());
    }

    /**
     * {@return the same with these fields only}
     *
     * @param fields of {@link dev.milepost.v1.Run}; none for all
     */
    public RunQuery fields(String... fields) {
        return new RunQuery(scope, request.toBuilder().setReadMask(Masks.of(fields)).build());
    }

    /**
     * {@return the same with only these of the params, tags and metrics}
     *
     * @param columns each as a filter names it, for example {@code params.lr}; at most 1,000, none for all
     */
    public RunQuery columns(String... columns) {
        return new RunQuery(
                scope,
                request.toBuilder().clearColumns().addAllColumns(List.of(columns)).build());
    }
}
