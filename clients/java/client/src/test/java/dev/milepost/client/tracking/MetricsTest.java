package dev.milepost.client.tracking;

import static dev.milepost.client.tracking.Fixture.CLIENT;
import static dev.milepost.client.tracking.Fixture.fails;
import static dev.milepost.client.tracking.Fixture.freshRun;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.errors.CancelledException;
import dev.milepost.client.errors.InvalidArgumentException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.v1.ErrorReason;
import dev.milepost.v1.GetMetricSeriesRequest.Axis;
import dev.milepost.v1.GetMetricSeriesResponse;
import dev.milepost.v1.MetricSeries;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsTest {
    private static final int MANY = 150_000;
    private static final RunHandle MANY_POINTS = logMany();

    private final Metrics metrics = CLIENT.metrics();

    @Test
    void columnsComeBackInTheOrderInWhichTheyWereStored() {
        RunHandle run = freshRun();
        long[] steps = {3, 1, 2};
        long[] times = {30, 10, 20};
        double[] values = {0.3, Double.NaN, -0.0};
        run.logMetrics(List.of(Metrics.points("loss", steps, times, values)));
        MetricHistory history = run.metricHistory("loss");
        assertArrayEquals(steps, history.steps());
        assertArrayEquals(times, history.timestampsMs());
        assertArrayEquals(values, history.values());
        assertEquals(history, metrics.historyAsync(run.id(), "loss").join());
    }

    @Test
    void columnsOfDifferentLengthAreRefusedBeforeTheyAreSent() {
        assertThrows(
                IllegalArgumentException.class,
                () -> Metrics.points("loss", new long[1], new long[2], new double[1]));
    }

    @Test
    void valuesByKeyGetTheStepAndThePresentTime() {
        RunHandle run = freshRun();
        long before = System.currentTimeMillis();
        assertEquals(2, metrics.log(run.id(), Map.of("a", 1, "b", 2.5f), 7));
        List<MetricHistory> histories = metrics.histories(run.id());
        assertEquals(List.of("a", "b"), histories.stream().map(MetricHistory::key).toList());
        assertEquals(7, histories.get(0).steps()[0]);
        assertTrue(histories.get(0).timestampsMs()[0] >= before);
        assertEquals(2.5, metrics.summaries(run.id()).get("b").getLast());
    }

    @Test
    void aHistoryOfManyMessagesIsWhole() {
        RunHandle run = MANY_POINTS;
        MetricHistory history = run.metricHistory("many");
        assertEquals(MANY, history.size());
        assertArrayEquals(LongStream.range(0, MANY).toArray(), history.steps());
        assertEquals(
                List.of(0L, 1L, 2L),
                metrics.list(run.id(), "many").pageSize(2).limit(3).map(MetricPoint::step).toList());
        try (Stream<MetricHistory> pieces = metrics.stream(run.id(), "many")) {
            assertTrue(pieces.mapToInt(MetricHistory::size).allMatch(size -> size <= 65_536));
        }
    }

    @Test
    void closingAStreamEndsItsCall() {
        RunHandle run = MANY_POINTS;
        Stream<MetricHistory> pieces = metrics.stream(run.id(), "many");
        Iterator<MetricHistory> reading = pieces.iterator();
        reading.next();
        pieces.close();
        assertThrows(CancelledException.class, () -> reading.forEachRemaining(piece -> {}));
    }

    @Test
    void anUnknownMetricIsATypedErrorOfEveryWayToRead(@TempDir Path folder) {
        String id = freshRun().id();
        ErrorReason reason = ErrorReason.ERROR_REASON_METRIC_NOT_FOUND;
        fails(NotFoundException.class, reason, () -> metrics.history(id, "none"));
        fails(NotFoundException.class, reason, () -> metrics.list(id, "none").toList());
        fails(NotFoundException.class, reason, () -> metrics.rewind(id, 0, "none"));
        fails(NotFoundException.class, reason, () -> metrics.export(id, folder.resolve("points.arrow"), "none"));
        try (Stream<MetricHistory> pieces = metrics.stream(id, "none")) {
            fails(NotFoundException.class, reason, pieces::toList);
        }
        assertEquals(0, folder.toFile().list().length, "files that are left");
    }

    @Test
    void anExportIsAFileThatAppearsWhole(@TempDir Path folder) throws IOException {
        RunHandle run = MANY_POINTS;
        Path target = folder.resolve("deeper/points.arrow");
        long bytes = metrics.export(run.id(), target);
        assertEquals(Files.size(target), bytes);
        ByteArrayOutputStream copy = new ByteArrayOutputStream();
        assertEquals(bytes, metrics.export(run.id(), copy, "many"));
        assertArrayEquals(Files.readAllBytes(target), copy.toByteArray());
    }

    @Test
    void anExportThatCannotBeWrittenSaysSo(@TempDir Path folder) throws IOException {
        String id = MANY_POINTS.id();
        Path file = Files.createFile(folder.resolve("file"));
        assertThrows(UncheckedIOException.class, () -> metrics.export(id, file.resolve("points.arrow")));
        try (var full = Files.newOutputStream(Path.of("/dev/full"))) {
            assertThrows(UncheckedIOException.class, () -> metrics.export(id, full));
        }
    }

    @Test
    void aChartKeepsTheSpikesOfEachBucket() {
        RunHandle run = freshRun();
        long[] steps = LongStream.range(0, 100).toArray();
        double[] values = new double[100];
        values[42] = 9;
        values[77] = -9;
        run.logMetrics(List.of(Metrics.points("loss", steps, steps, values)));
        SeriesQuery query = SeriesQuery.of(List.of(run.id(), "unknown"), List.of("loss", "none"));
        GetMetricSeriesResponse chart = metrics.series(query.buckets(2));
        assertEquals(1, chart.getSeriesCount());
        MetricSeries series = chart.getSeries(0);
        assertEquals(List.of(9.0, 0.0), series.getMaxValuesList());
        assertEquals(List.of(42L, 50L), series.getMaxPositionsList());
        assertEquals(-9, series.getMinValues(1));
        GetMetricSeriesResponse part = metrics.series(query.axis(Axis.AXIS_TIME).buckets(1).from(40).to(49));
        assertEquals(10, part.getSeries(0).getCounts(0));
        fails(
                InvalidArgumentException.class,
                ErrorReason.ERROR_REASON_INVALID_FIELD,
                () -> metrics.series(query.buckets(-1)));
    }

    @Test
    void aRewindTakesBackLaterPointsAndMetricsWithNoneLeft() {
        RunHandle run = freshRun();
        for (long step : new long[] {1, 2, 3}) {
            run.logMetrics(Map.of("loss", step), step);
        }
        run.logMetrics(Map.of("late", 1), 3);
        assertEquals(1, run.rewindMetrics(2, "loss"));
        assertEquals(2, run.metricHistory("loss").size());
        assertEquals(2, run.rewindMetrics(1));
        assertEquals(Map.of("loss", 1.0), run.refresh().metrics());
        assertEquals(List.of(), metrics.recompute(run.id()));
        assertEquals(1, metrics.delete(run.id(), "loss"));
        assertEquals(Map.of(), metrics.summaries(run.id()));
    }

    @Test
    void aHistoryCanBeLoggedToAnotherRun() {
        RunHandle source = freshRun();
        source.logMetrics(Map.of("loss", 0.1), 4);
        RunHandle copy = freshRun();
        copy.logMetrics(List.of(source.metricHistory("loss").toPoints()));
        assertArrayEquals(source.metricHistory("loss").timestampsMs(), copy.metricHistory("loss").timestampsMs());
    }

    private static RunHandle logMany() {
        RunHandle run = freshRun();
        long[] steps = LongStream.range(0, MANY).toArray();
        for (int from = 0; from < MANY; from += 50_000) {
            long[] part = Arrays.copyOfRange(steps, from, from + 50_000);
            run.logMetrics(List.of(Metrics.points("many", part, part, new double[part.length])));
        }
        return run;
    }
}
