package dev.milepost.client.registry;

import dev.milepost.client.tracking.ExperimentScope;
import dev.milepost.client.values.Masks;
import dev.milepost.v1.ListLoggedModelsRequest;
import dev.milepost.v1.ModelDataset;
import dev.milepost.v1.View;
import java.util.List;

/**
 * Which logged models to list, and in which order.
 *
 * @param scope experiments whose models to list
 * @param request what is sent, without the experiments
 */
public record LoggedModelQuery(ExperimentScope scope, ListLoggedModelsRequest request) {
    /** {@return those of all experiments that are not deleted, newest first} */
    public static LoggedModelQuery all() {
        return of(ExperimentScope.all());
    }

    /**
     * {@return those of some experiments that are not deleted, newest first}
     *
     * @param experimentIds their ids, at least one
     * @throws IllegalArgumentException for none
     */
    public static LoggedModelQuery in(String... experimentIds) {
        return of(ExperimentScope.of(experimentIds));
    }

    /**
     * {@return those of some experiments that are not deleted, newest first}
     *
     * @param scope the experiments
     */
    public static LoggedModelQuery of(ExperimentScope scope) {
        return new LoggedModelQuery(scope, ListLoggedModelsRequest.getDefaultInstance());
    }

    /**
     * {@return the same, but only those that meet a condition, in place of one given before}
     *
     * @param filter in the filter language, for example {@code status = 'ready' AND metrics.accuracy > 0.9}
     */
    public LoggedModelQuery filter(String filter) {
        return with(request.toBuilder().setFilter(filter));
    }

    /**
     * {@return the same in another order}
     *
     * @param keys comma-separated attributes, metrics, params or tags, each with an optional {@code ASC} or {@code
     *     DESC};
     *     default {@code create_time DESC}
     */
    public LoggedModelQuery orderBy(String keys) {
        return with(request.toBuilder().setOrderBy(keys));
    }

    /**
     * {@return the same with deleted ones, or only them}
     *
     * @param view which; default {@code VIEW_ACTIVE}
     */
    public LoggedModelQuery view(View view) {
        return with(request.toBuilder().setView(view));
    }

    /**
     * {@return the same with these fields only}
     *
     * @param fields of {@link dev.milepost.v1.LoggedModel}; default all but {@code files}
     */
    public LoggedModelQuery fields(String... fields) {
        return with(request.toBuilder().setReadMask(Masks.of(fields)));
    }

    /**
     * {@return the same, but only values of metrics on these datasets count for the filter}
     *
     * @param datasets by name, or name and digest; none for all
     */
    public LoggedModelQuery measuredOn(ModelDataset... datasets) {
        return with(request.toBuilder().clearDatasets().addAllDatasets(List.of(datasets)));
    }

    /**
     * {@return the same, but only values of metrics on this dataset count for the order}
     *
     * @param dataset by name, or name and digest
     */
    public LoggedModelQuery orderedOn(ModelDataset dataset) {
        return with(request.toBuilder().setOrderDataset(dataset));
    }

    private LoggedModelQuery with(ListLoggedModelsRequest.Builder changed) {
        return new LoggedModelQuery(scope, changed.build());
    }
}
