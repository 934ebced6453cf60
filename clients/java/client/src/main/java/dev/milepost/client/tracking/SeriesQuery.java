package dev.milepost.client.tracking;

import dev.milepost.v1.GetMetricSeriesRequest;
import java.util.Collection;

/**
 * Which metrics of which runs to draw, and over which axis.
 *
 * @param request what is sent
 */
public record SeriesQuery(GetMetricSeriesRequest request) {
    /**
     * {@return the whole of these metrics over their steps, in 500 buckets}
     *
     * @param runIds 1 to 1,000 runs
     * @param keys 1 to 1,000 metrics; runs times metrics are at most 10,000, and that times buckets 500,000
     */
    public static SeriesQuery of(Collection<String> runIds, Collection<String> keys) {
        return new SeriesQuery(GetMetricSeriesRequest.newBuilder()
                .addAllRunIds(runIds)
                .addAllMetricKeys(keys)
                .build());
    }

    /**
     * {@return the same over another axis}
     *
     * @param axis steps, milliseconds since the Unix epoch, or milliseconds since the start of the run
     */
    public SeriesQuery axis(GetMetricSeriesRequest.Axis axis) {
        return new SeriesQuery(request.toBuilder().setAxis(axis).build());
    }

    /**
     * {@return the same in another number of buckets}
     *
     * @param count into how many of equal width the axis is cut, 1 to 10,000
     */
    public SeriesQuery buckets(int count) {
        return new SeriesQuery(request.toBuilder().setBuckets(count).build());
    }

    /**
     * {@return the same from a position on}
     *
     * @param position the first of interest, on the axis
     */
    public SeriesQuery from(long position) {
        return new SeriesQuery(request.toBuilder().setStart(position).build());
    }

    /**
     * {@return the same up to a position}
     *
     * @param position the last of interest, on the axis
     */
    public SeriesQuery to(long position) {
        return new SeriesQuery(request.toBuilder().setEnd(position).build());
    }
}
