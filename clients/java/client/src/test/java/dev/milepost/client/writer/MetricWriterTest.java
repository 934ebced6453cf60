package dev.milepost.client.writer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.errors.FailedPreconditionException;
import dev.milepost.client.support.TestServer;
import dev.milepost.v1.MetricPoints;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricWriterTest {
    private final Tracked tracked = new Tracked(TestServer.shared().address());
    private final String run = tracked.newRun();

    @TempDir
    private Path spool;

    @AfterEach
    void disconnect() {
        tracked.close();
    }

    @Test
    void whatIsLoggedIsStoredInOrderAndToTheBit() {
        try (MetricWriter writer = open()) {
            Tracked.log(writer, "loss", 0, 100_000);
            Tracked.log(writer, "Verlust \uD83D\uDE00", 0, 10);
            assertTrue(writer.flush(Tracked.PATIENCE));
            assertEquals(0, writer.pending());
            tracked.assertWhole(run, "loss", 100_000);
            tracked.assertWhole(run, "Verlust \uD83D\uDE00", 10);
            assertEquals(List.of(), Tracked.files(spool));
        }
    }

    @Test
    void theEndsOfInt64AreSteps() {
        try (MetricWriter writer = open()) {
            writer.log("ends", 1, Long.MIN_VALUE, Long.MAX_VALUE);
            writer.log("ends", 2, Long.MAX_VALUE, Long.MIN_VALUE);
        }
        MetricPoints stored = tracked.history(run, "ends");
        assertEquals(List.of(Long.MIN_VALUE, Long.MAX_VALUE), stored.getStepsList());
        assertEquals(List.of(Long.MAX_VALUE, Long.MIN_VALUE), stored.getTimestampsMsList());
    }

    @Test
    void pointsWithoutATimeHaveThatOfTheCall() {
        long before = System.currentTimeMillis();
        try (MetricWriter writer = open()) {
            writer.log("now", 1, 7);
            writer.log(Map.of("now", 2, "other", 2.5f), 8);
        }
        long after = System.currentTimeMillis();
        MetricPoints stored = tracked.history(run, "now");
        assertEquals(List.of(7L, 8L), stored.getStepsList());
        assertTrue(stored.getTimestampsMsList().stream().allMatch(time -> before <= time && time <= after));
        assertEquals(List.of(2.5), tracked.history(run, "other").getValuesList());
    }

    @Test
    void columnsAreStoredBehindWhatWasLoggedBefore() {
        double[] values = LongStream.range(1, 70_000).mapToDouble(Tracked::valueOf).toArray();
        long[] steps = LongStream.range(1, 70_000).toArray();
        try (MetricWriter writer = open()) {
            Tracked.log(writer, "loss", 0, 1);
            writer.log("loss", values, steps, steps);
            Arrays.fill(values, 0);
            assertThrows(IllegalArgumentException.class, () -> writer.log("loss", values, steps, new long[1]));
        }
        tracked.assertWhole(run, "loss", 70_000);
    }

    @Test
    void aPointIsStoredWithoutAFlush() {
        try (MetricWriter writer = open()) {
            writer.log("loss", 1, 1);
            Tracked.waitUntil("the point", () -> tracked.run(run).getMetricsMap().containsKey("loss"));
        }
    }

    @Test
    void pointsOfManyThreadsAreAllStored() throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        try (MetricWriter writer = open()) {
            for (int number = 0; number < 8; number++) {
                String key = "k" + number % 4;
                int first = number / 4 * 20_000;
                threads.add(new Thread(() -> Tracked.log(writer, key, first, first + 20_000)));
            }
            threads.forEach(Thread::start);
            for (Thread thread : threads) {
                thread.join();
            }
        }
        for (int number = 0; number < 4; number++) {
            long[] steps = tracked.steps(run, "k" + number);
            Arrays.sort(steps);
            assertArrayEquals(LongStream.range(0, 40_000).toArray(), steps);
        }
    }

    @Test
    void refusedPointsDoNotTakeTheirNeighboursWithThem() {
        try (MetricWriter writer = open()) {
            for (int step = 0; step < 1000; step++) {
                for (String key : List.of("good", "", "bad\nkey", "half \uD800", "k".repeat(501), "fine")) {
                    writer.log(key, Tracked.valueOf(step), step, step);
                }
            }
            writer.log("x".repeat(200_000), 1, 1);
            assertFalse(writer.flush(Tracked.PATIENCE));
            assertEquals(4_001, writer.refused());
            assertEquals(0, writer.pending());
            tracked.assertWhole(run, "good", 1000);
            tracked.assertWhole(run, "fine", 1000);
            writer.log("good", 1, 1000);
            assertTrue(writer.flush(Tracked.PATIENCE));
        }
    }

    @Test
    void aRunThatIsDeletedTakesNoPointsAndAStrictWriterSaysSo() {
        tracked.deleteRun(run);
        MetricWriter writer = MetricWriter.open(
                tracked.calls, run, Tracked.spoolIn(spool).strict(true));
        Tracked.log(writer, "loss", 0, 5);
        LoggingException thrown = assertThrows(LoggingException.class, () -> writer.flush(Tracked.PATIENCE));
        assertInstanceOf(FailedPreconditionException.class, thrown.getCause());
        assertTrue(thrown.getMessage().contains("5 metric points of run " + run), thrown.getMessage());
        assertTrue(writer.flush(Tracked.PATIENCE));
        Tracked.log(writer, "loss", 0, 1);
        assertThrows(LoggingException.class, writer::close);
        assertEquals(6, writer.refused());
    }

    @Test
    void aClosedWriterCountsWhatComesLate() {
        MetricWriter writer = open();
        writer.close();
        writer.log("loss", 1, 1);
        assertEquals(1, writer.dropped());
        assertFalse(writer.flush(Duration.ZERO));
        writer.close();
    }

    @Test
    void anInterruptEndsAWaitAndNotTheWriter() {
        try (MetricWriter writer = open()) {
            Tracked.log(writer, "loss", 0, 10);
            Thread.currentThread().interrupt();
            assertFalse(writer.flush(Tracked.PATIENCE));
            assertTrue(Thread.interrupted());
            assertTrue(writer.flush(Tracked.PATIENCE));
        }
        tracked.assertWhole(run, "loss", 10);
    }

    @Test
    void whatCanBeNoRunIsRefusedAtOnce() {
        assertThrows(IllegalArgumentException.class, () -> MetricWriter.open(tracked.calls, ""));
        assertThrows(IllegalArgumentException.class, () -> MetricWriter.open(tracked.calls, "r".repeat(65)));
    }

    private MetricWriter open() {
        return MetricWriter.open(tracked.calls, run, Tracked.spoolIn(spool));
    }
}
