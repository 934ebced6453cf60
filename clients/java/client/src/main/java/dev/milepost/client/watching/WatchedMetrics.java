package dev.milepost.client.watching;

import dev.milepost.v1.WatchMetricsRequest;
import java.util.List;

/**
 * Metrics to watch.
 *
 * @param request what is sent
 */
public record WatchedMetrics(WatchMetricsRequest request) {
    /**
     * {@return all metrics of some runs, also those that begin later; from their first points on}
     *
     * @param runIds the runs, 1 to 100
     */
    public static WatchedMetrics of(String... runIds) {
        return new WatchedMetrics(
                WatchMetricsRequest.newBuilder().addAllRunIds(List.of(runIds)).build());
    }

    /**
     * {@return only some metrics of the same runs}
     *
     * @param names the metrics; none for all
     */
    public WatchedMetrics keys(String... names) {
        return new WatchedMetrics(request.toBuilder()
                .clearMetricKeys()
                .addAllMetricKeys(List.of(names))
                .build());
    }

    /**
     * {@return the same with another limit}
     *
     * @param points most points of one metric at once, 2 to 100,000; when more are new they are thinned. 0: 10,000
     */
    public WatchedMetrics maxPoints(int points) {
        return new WatchedMetrics(request.toBuilder().setMaxPoints(points).build());
    }

    /**
     * {@return the same, from where an earlier watch of the same runs and metrics stopped: only points after it}
     *
     * @param resumeToken its {@link Watch#resumeToken}; empty: from the first points on
     */
    public WatchedMetrics from(String resumeToken) {
        return new WatchedMetrics(
                request.toBuilder().setResumeToken(resumeToken).build());
    }
}
