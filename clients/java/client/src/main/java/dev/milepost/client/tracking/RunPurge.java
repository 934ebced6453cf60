package dev.milepost.client.tracking;

import dev.milepost.client.values.Times;
import dev.milepost.v1.PurgeRunsRequest;
import java.time.Instant;

/**
 * Which deleted runs to remove for good.
 *
 * @param request what is sent
 */
public record RunPurge(PurgeRunsRequest request) {
    /** {@return all deleted runs, 100 in one call} */
    public static RunPurge all() {
        return new RunPurge(PurgeRunsRequest.getDefaultInstance());
    }

    /**
     * {@return the deleted runs of experiments, 100 in one call}
     *
     * @param experimentIds 1 to 1,000
     * @throws IllegalArgumentException for none
     */
    public static RunPurge in(String... experimentIds) {
        return new RunPurge(PurgeRunsRequest.newBuilder()
                .addAllExperimentIds(ExperimentScope.some(experimentIds))
                .build());
    }

    /**
     * {@return the same, but only those that meet a condition}
     *
     * @param condition in the filter language
     */
    public RunPurge filter(String condition) {
        return new RunPurge(request.toBuilder().setFilter(condition).build());
    }

    /**
     * {@return the same, but only those deleted earlier}
     *
     * @param moment than this
     */
    public RunPurge deletedBefore(Instant moment) {
        return new RunPurge(
                request.toBuilder().setDeletedBefore(Times.timestamp(moment)).build());
    }

    /**
     * {@return the same with another number in one call}
     *
     * @param runs at most so many, 1 to 1,000
     */
    public RunPurge limit(int runs) {
        return new RunPurge(request.toBuilder().setLimit(runs).build());
    }

    /** {@return the same, which removes nothing and counts all of them} */
    public RunPurge dryRun() {
        return new RunPurge(request.toBuilder().setDryRun(true).build());
    }
}
