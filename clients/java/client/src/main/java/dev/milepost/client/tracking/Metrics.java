package dev.milepost.client.tracking;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.paging.Page;
import dev.milepost.client.paging.Pages;
import dev.milepost.client.values.Masks;
import dev.milepost.client.watching.MetricUpdate;
import dev.milepost.client.watching.Watch;
import dev.milepost.client.watching.WatchedMetrics;
import dev.milepost.client.watching.Watches;
import dev.milepost.v1.BatchGetRunsRequest;
import dev.milepost.v1.DeleteMetricsRequest;
import dev.milepost.v1.DeleteMetricsResponse;
import dev.milepost.v1.GetMetricSeriesResponse;
import dev.milepost.v1.ListMetricHistoryRequest;
import dev.milepost.v1.LogMetricsRequest;
import dev.milepost.v1.LogMetricsResponse;
import dev.milepost.v1.MetricPoints;
import dev.milepost.v1.MetricServiceGrpc;
import dev.milepost.v1.MetricSummary;
import dev.milepost.v1.RecomputeMetricSummariesRequest;
import dev.milepost.v1.RewindMetricsRequest;
import dev.milepost.v1.RewindMetricsResponse;
import dev.milepost.v1.TrackingServiceGrpc;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * Verbs on metric points. They wait for the server; {@link RunHandle#metricWriter} logs in the background.
 *
 * <p>All verbs throw {@link dev.milepost.client.errors.NotFoundException} for a run ({@code RUN_NOT_FOUND}) or metric
 * ({@code METRIC_NOT_FOUND}) that is not there, and those that write
 * {@link dev.milepost.client.errors.FailedPreconditionException} ({@code RUN_DELETED}) for a deleted run.
 */
public final class Metrics {
    private final Calls calls;

    /**
     * Verbs over a connection.
     *
     * @param calls the connection
     */
    public Metrics(Calls calls) {
        this.calls = calls;
    }

    /**
     * {@return columns of points of one metric, to log}
     *
     * @param key 1-500 characters
     * @param steps positions on the training axis
     * @param timestampsMs times, in milliseconds since the Unix epoch
     * @param values values, kept bit for bit
     * @throws IllegalArgumentException when the columns differ in length
     */
    public static MetricPoints points(String key, long[] steps, long[] timestampsMs, double[] values) {
        if (steps.length != values.length || timestampsMs.length != values.length) {
            throw new IllegalArgumentException("metric '" + key + "': " + steps.length + " steps and "
                    + timestampsMs.length + " times for " + values.length + " values.");
        }
        MetricPoints.Builder points = MetricPoints.newBuilder().setKey(key);
        for (int i = 0; i < values.length; i++) {
            points.addSteps(steps[i]).addTimestampsMs(timestampsMs[i]).addValues(values[i]);
        }
        return points.build();
    }

    /**
     * Appends a point to each of some metrics, at the present time, in one transaction.
     *
     * @param runId the run
     * @param metrics values by key
     * @param step their position on the training axis
     * @return the number of points, once they are durable
     */
    public long log(String runId, Map<String, ? extends Number> metrics, long step) {
        return Calls.await(logAsync(runId, metrics, step));
    }

    /** As {@link #log(String, Map, long)}, without waiting. */
    public CompletableFuture<Long> logAsync(String runId, Map<String, ? extends Number> metrics, long step) {
        long now = System.currentTimeMillis();
        List<MetricPoints> points = new ArrayList<>();
        metrics.forEach((key, value) -> points.add(
                points(key, new long[] {step}, new long[] {now}, new double[] {value.doubleValue()})));
        return logAsync(runId, points);
    }

    /**
     * Appends points in one transaction.
     *
     * @param runId the run
     * @param points columns, for example of {@link #points}; at most 100,000 points in 20,000 columns
     * @return the number of points, once they are durable
     */
    public long log(String runId, Collection<MetricPoints> points) {
        return Calls.await(logAsync(runId, points));
    }

    /** As {@link #log(String, Collection)}, without waiting. */
    public CompletableFuture<Long> logAsync(String runId, Collection<MetricPoints> points) {
        LogMetricsRequest request =
                LogMetricsRequest.newBuilder().setRunId(runId).addAllMetrics(points).build();
        return calls.start(MetricServiceGrpc.getLogMetricsMethod(), request, LogMetricsResponse::getMetricPoints);
    }

    /**
     * {@return first, last, smallest and greatest value and count of each metric of a run, by key}
     *
     * @param runId the run
     */
    public Map<String, MetricSummary> summaries(String runId) {
        return Calls.await(summariesAsync(runId));
    }

    /** As {@link #summaries}, without waiting. */
    public CompletableFuture<Map<String, MetricSummary>> summariesAsync(String runId) {
        BatchGetRunsRequest request = BatchGetRunsRequest.newBuilder()
                .addRunIds(runId)
                .setReadMask(Masks.of("metrics"))
                .build();
        return calls.start(TrackingServiceGrpc.getBatchGetRunsMethod(), request, found -> found.getRuns(0)
                .getMetricsMap());
    }

    /**
     * {@return the points of a metric in the order in which they were stored, fetched page by page; for all of them,
     * {@link #history} is faster}
     *
     * @param runId the run
     * @param key the metric
     */
    public Pages<MetricPoint> list(String runId, String key) {
        ListMetricHistoryRequest request = ListMetricHistoryRequest.newBuilder()
                .setRunId(runId)
                .setMetricKey(key)
                .build();
        return new Pages<>((token, size) -> calls.start(
                MetricServiceGrpc.getListMetricHistoryMethod(),
                request.toBuilder().setPageToken(token).setPageSize(size).build(),
                found -> new Page<>(Histories.rows(found.getPoints()), found.getNextPageToken())));
    }

    /**
     * {@return all points of a metric}
     *
     * @param runId the run
     * @param key the metric
     */
    public MetricHistory history(String runId, String key) {
        return Calls.await(historyAsync(runId, key));
    }

    /** As {@link #history}, without waiting. */
    public CompletableFuture<MetricHistory> historyAsync(String runId, String key) {
        return whole(runId, found -> found.get(0), key);
    }

    /**
     * {@return all points of some metrics of a run, by key}
     *
     * @param runId the run
     * @param keys the metrics; none for all
     */
    public List<MetricHistory> histories(String runId, String... keys) {
        return Calls.await(historiesAsync(runId, keys));
    }

    /** As {@link #histories}, without waiting. */
    public CompletableFuture<List<MetricHistory>> historiesAsync(String runId, String... keys) {
        return whole(runId, found -> found, keys);
    }

    /**
     * {@return the points of some metrics of a run in pieces of at most 65,536 as they arrive, metric after metric by
     * key: in constant memory} Close it when it is not read to its end. A stream that breaks throws
     * {@link dev.milepost.client.errors.UnavailableException}, and {@link dev.milepost.client.errors.AbortedException}
     * when points were taken back meanwhile; it is not begun again by itself, since pieces were given already.
     *
     * @param runId the run
     * @param keys the metrics; none for all
     */
    public Stream<MetricHistory> stream(String runId, String... keys) {
        return Histories.pieces(calls, Histories.request(runId, keys));
    }

    /**
     * {@return the points of some metrics of a run: those stored so far, then each new one once, until it is closed}
     *
     * @param runId the run
     * @param keys the metrics; none for all, also those that begin later
     */
    public Watch<MetricUpdate> watch(String runId, String... keys) {
        return watch(WatchedMetrics.of(runId).keys(keys));
    }

    /**
     * {@return points of metrics of one or more runs: those stored so far, then each new one once, until it is closed}
     *
     * @param wanted the runs, metrics and where to begin
     */
    public Watch<MetricUpdate> watch(WatchedMetrics wanted) {
        return Watches.metrics(calls, wanted);
    }

    /**
     * Writes the points of some metrics of a run as an Apache Arrow IPC stream: columns {@code key} (dictionary of
     * utf8), {@code step}, {@code timestamp_ms} (int64) and {@code value} (float64). In constant memory.
     *
     * @param runId the run
     * @param target the file, which appears when it is complete and takes the place of one that is there
     * @param keys the metrics; none for all
     * @return the number of bytes
     * @throws java.io.UncheckedIOException when the file cannot be written
     */
    public long export(String runId, Path target, String... keys) {
        return Calls.await(exportAsync(runId, target, keys));
    }

    /** As {@link #export(String, Path, String...)}, without waiting. */
    public CompletableFuture<Long> exportAsync(String runId, Path target, String... keys) {
        return WholeStream.read(
                calls,
                MetricServiceGrpc.getExportMetricHistoryMethod(),
                ArrowFile.request(runId, keys),
                () -> ArrowFile.to(target),
                true);
    }

    /**
     * As {@link #export(String, Path, String...)}, to a stream. Is not begun again when the connection breaks.
     *
     * @param runId the run
     * @param target is written by another thread while this one waits, and not closed
     * @param keys the metrics; none for all
     * @return the number of bytes
     * @throws java.io.UncheckedIOException when writing fails
     */
    public long export(String runId, OutputStream target, String... keys) {
        return Calls.await(WholeStream.read(
                calls,
                MetricServiceGrpc.getExportMetricHistoryMethod(),
                ArrowFile.request(runId, keys),
                () -> ArrowFile.to(target),
                false));
    }

    /**
     * {@return metrics of many runs for a chart: of each bucket of the axis the first, last, smallest and greatest
     * point} Runs that do not exist, and metrics that a run does not have, are left out. {@code bucket_width} is
     * unsigned.
     *
     * @param query which
     * @throws dev.milepost.client.errors.InvalidArgumentException for too many of them
     */
    public GetMetricSeriesResponse series(SeriesQuery query) {
        return Calls.await(seriesAsync(query));
    }

    /** As {@link #series}, without waiting. */
    public CompletableFuture<GetMetricSeriesResponse> seriesAsync(SeriesQuery query) {
        return calls.start(MetricServiceGrpc.getGetMetricSeriesMethod(), query.request());
    }

    /**
     * Takes back the points whose step is greater, for example before training goes on from a checkpoint. A metric that
     * has none left is removed.
     *
     * @param runId the run
     * @param afterStep the last step to keep
     * @param keys the metrics; none for all
     * @return the number of points removed
     */
    public long rewind(String runId, long afterStep, String... keys) {
        return Calls.await(rewindAsync(runId, afterStep, keys));
    }

    /** As {@link #rewind}, without waiting. */
    public CompletableFuture<Long> rewindAsync(String runId, long afterStep, String... keys) {
        RewindMetricsRequest request = RewindMetricsRequest.newBuilder()
                .setRunId(runId)
                .setAfterStep(afterStep)
                .addAllMetricKeys(List.of(keys))
                .build();
        return calls.start(MetricServiceGrpc.getRewindMetricsMethod(), request, RewindMetricsResponse::getMetricPoints);
    }

    /**
     * Removes metrics with all their points, for good.
     *
     * @param runId the run
     * @param keys the metrics, at least one
     * @return the number of points removed
     */
    public long delete(String runId, String... keys) {
        return Calls.await(deleteAsync(runId, keys));
    }

    /** As {@link #delete}, without waiting. */
    public CompletableFuture<Long> deleteAsync(String runId, String... keys) {
        DeleteMetricsRequest request = DeleteMetricsRequest.newBuilder()
                .setRunId(runId)
                .addAllMetricKeys(List.of(keys))
                .build();
        return calls.start(MetricServiceGrpc.getDeleteMetricsMethod(), request, DeleteMetricsResponse::getMetricPoints);
    }

    /**
     * Computes summaries anew from the points: a check after a restore or a defect.
     *
     * @param runId the run
     * @param keys the metrics; none for all
     * @return the keys of those that were wrong, and now are right
     */
    public List<String> recompute(String runId, String... keys) {
        return Calls.await(recomputeAsync(runId, keys));
    }

    /** As {@link #recompute}, without waiting. */
    public CompletableFuture<List<String>> recomputeAsync(String runId, String... keys) {
        RecomputeMetricSummariesRequest request = RecomputeMetricSummariesRequest.newBuilder()
                .setRunId(runId)
                .addAllMetricKeys(List.of(keys))
                .build();
        return calls.start(
                MetricServiceGrpc.getRecomputeMetricSummariesMethod(),
                request,
                found -> List.copyOf(found.getCorrectedKeysList()));
    }

    private <T> CompletableFuture<T> whole(String runId, Function<List<MetricHistory>, T> read, String... keys) {
        return WholeStream.read(
                calls,
                MetricServiceGrpc.getStreamMetricHistoryMethod(),
                Histories.request(runId, keys),
                () -> new Histories<>(runId, read),
                true);
    }
}
