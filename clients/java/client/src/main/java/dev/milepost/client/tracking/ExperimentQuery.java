package dev.milepost.client.tracking;

import dev.milepost.client.values.Masks;
import dev.milepost.v1.ListExperimentsRequest;
import dev.milepost.v1.View;

/**
 * Which experiments to list, and in which order.
 *
 * @param request what is sent
 */
public record ExperimentQuery(ListExperimentsRequest request) {
    /** {@return all that are not deleted, newest first} */
    public static ExperimentQuery all() {
        return new ExperimentQuery(ListExperimentsRequest.getDefaultInstance());
    }

    /**
     * {@return the same, but only those that meet a condition, in place of one given before}
     *
     * @param condition in the filter language, for example {@code name LIKE 'digits%' AND tags.team = 'vision'}
     */
    public ExperimentQuery filter(String condition) {
        return new ExperimentQuery(request.toBuilder().setFilter(condition).build());
    }

    /**
     * {@return the same in another order}
     *
     * @param keys comma-separated attributes or tags, each with an optional {@code ASC} or {@code DESC}; default
     *     {@code create_time DESC}
     */
    public ExperimentQuery orderBy(String keys) {
        return new ExperimentQuery(request.toBuilder().setOrderBy(keys).build());
    }

    /**
     * {@return the same with deleted ones, or only them}
     *
     * @param view which; default {@code VIEW_ACTIVE}
     */
    public ExperimentQuery view(View view) {
        return new ExperimentQuery(request.toBuilder().setView(view).build());
    }

    /**
     * {@return the same with these fields only}
     *
     * @param fields of {@link dev.milepost.v1.Experiment}; none for all
     */
    public ExperimentQuery fields(String... fields) {
        return new ExperimentQuery(
                request.toBuilder().setReadMask(Masks.of(fields)).build());
    }
}
