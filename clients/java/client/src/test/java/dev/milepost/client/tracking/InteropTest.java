package dev.milepost.client.tracking;

import static dev.milepost.client.tracking.Fixture.CLIENT;
import static dev.milepost.client.tracking.Fixture.freshExperiment;
import static dev.milepost.client.tracking.Fixture.freshRun;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertIterableEquals;

import dev.milepost.v1.MetricPoints;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What one client writes the other reads, bit for bit. */
class InteropTest {
    private static final int POINTS = Interop.VALUES.length;

    @Test
    void pythonReadsWhatJavaLogsInColumnsAndBatches() throws Exception {
        RunHandle run = freshRun();
        run.logMetrics(columns());
        run.logParams(Interop.params());
        run.setTags(Interop.tags());
        assertIterableEquals(Interop.expected(), Interop.python(List.of(), "read", run.id()));
    }

    @Test
    void pythonReadsWhatJavaStreams() throws Exception {
        NewRun wanted = NewRun.in(freshExperiment().id()).params(Interop.params());
        String id = CLIENT.callWithRun(wanted, run -> {
            for (String key : Interop.KEYS) {
                for (int i = 0; i < POINTS; i++) {
                    run.logMetric(key, Interop.VALUES[i], Interop.step(i), Interop.time(i));
                }
            }
            run.handle().deleteTags(run.handle().tags().keySet().toArray(String[]::new));
            run.setTags(Interop.tags());
            return run.id();
        });
        assertIterableEquals(Interop.expected(), Interop.python(List.of(), "read", id));
    }

    @Test
    void javaReadsWhatPythonLogs() throws Exception {
        String id = Interop.python(Interop.expected(), "write").get(0);
        RunHandle run = CLIENT.runs().get(id);
        assertIterableEquals(Interop.expected(), linesOf(run, CLIENT.metrics().histories(id)));
        for (String key : Interop.KEYS) {
            List<String> paged = CLIENT.metrics().list(id, key).pageSize(5)
                    .map(point -> Interop.metric(key, point.step(), point.timestampMs(), point.value()))
                    .toList();
            assertIterableEquals(Interop.expected().stream().filter(paged::contains).toList(), paged);
        }
    }

    @Test
    void jsonParamsAreTheSameDocuments() throws Exception {
        RunHandle java = freshRun();
        java.logParams(Interop.documents());
        String python = Interop.python(List.of(), "copy", java.id()).get(0);
        assertEquals(Interop.documents(), CLIENT.runs().get(python).params());
    }

    private static List<MetricPoints> columns() {
        long[] steps = IntStream.range(0, POINTS).mapToLong(Interop::step).toArray();
        long[] times = IntStream.range(0, POINTS).mapToLong(Interop::time).toArray();
        return Interop.KEYS.stream()
                .map(key -> Metrics.points(key, steps, times, Arrays.copyOf(Interop.VALUES, POINTS)))
                .toList();
    }

    private static List<String> linesOf(RunHandle run, List<MetricHistory> histories) {
        List<String> lines = new ArrayList<>();
        for (MetricHistory history : histories) {
            for (int i = 0; i < history.size(); i++) {
                lines.add(Interop.metric(
                        history.key(), history.steps()[i], history.timestampsMs()[i], history.values()[i]));
            }
        }
        run.params().forEach((key, value) -> lines.add(Interop.param(key, value)));
        run.tags().forEach((key, value) -> lines.add(Interop.tag(key, value)));
        return Interop.byKey(lines);
    }
}
