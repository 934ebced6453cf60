package dev.milepost.client.writer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.support.TestServer;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Servers that cannot be reached for a while: nothing is lost, stored twice or out of order. */
class OutageTest {
    /** The queue holds all that the tests log, the backlog does not. */
    private static final Limits SMALL = new Limits(24L << 20, 1L << 20);

    private final Cable cable = new Cable(TestServer.shared());
    private final Tracked tracked = new Tracked(cable.address());
    private final String run = tracked.newRun();

    @TempDir
    private Path spool;

    @AfterEach
    void disconnect() {
        tracked.close();
        cable.close();
    }

    @Test
    void aBrokenConnectionLosesRepeatsAndReordersNothing() {
        try (MetricWriter writer = open(Limits.DEFAULT)) {
            for (int part = 0; part < 10; part++) {
                Tracked.log(writer, "loss", part * 30_000, (part + 1) * 30_000);
                cable.cut();
                Tracked.log(writer, "other", part, part + 1);
                cable.mend();
            }
            assertTrue(writer.flush(Tracked.PATIENCE));
            assertEquals(0, writer.dropped() + writer.refused());
        }
        tracked.assertWhole(run, "loss", 300_000);
        tracked.assertWhole(run, "other", 10);
    }

    @Test
    void rejectionsThatWereNotHeardAreToldAgain() {
        try (MetricWriter writer = open(Limits.DEFAULT)) {
            for (int step = 0; step < 100; step++) {
                writer.log("good", 0.5, step);
                writer.log("bad\nkey", 0.5, step);
                writer.flush(Duration.ofMillis(step % 10));
                if (step % 5 == 0) {
                    cable.cut();
                    cable.mend();
                }
            }
            writer.flush(Tracked.PATIENCE);
            assertEquals(100, writer.refused());
        }
        // What is repaired goes beside the stream, and so in another order.
        long[] steps = tracked.steps(run, "good");
        Arrays.sort(steps);
        assertArrayEquals(LongStream.range(0, 100).toArray(), steps);
    }

    @Test
    void aLongOutageGoesToDiskAndComesBackInOrder() {
        cable.cut();
        MetricWriter writer = open(SMALL);
        Tracked.log(writer, "loss", 0, 500_000);
        Tracked.waitUntil("the spool file", () -> !Tracked.files(spool).isEmpty());
        cable.mend();
        assertTrue(writer.flush(Tracked.PATIENCE));
        assertEquals(List.of(), Tracked.files(spool));
        writer.close();
        tracked.assertWhole(run, "loss", 500_000);
    }

    @Test
    void fewPointsAreOnDiskSoonTooWhileTheServerIsAway() {
        cable.cut();
        MetricWriter writer = open(Limits.DEFAULT);
        Tracked.log(writer, "loss", 0, 3);
        Tracked.waitUntil("the spool file", () -> !Tracked.files(spool).isEmpty());
        cable.mend();
        writer.close();
        tracked.assertWhole(run, "loss", 3);
    }

    @Test
    void whatAClosedWriterLeftIsSentByTheNextOne() {
        cable.cut();
        MetricWriter writer = MetricWriter.open(
                tracked.calls, run, Tracked.spoolIn(spool).closeTimeout(Duration.ZERO));
        Tracked.log(writer, "loss", 0, 30_000);
        writer.close();
        assertEquals(30_000, writer.pending());
        assertEquals(1, Tracked.files(spool).size());
        cable.mend();
        MetricWriter next = open(Limits.DEFAULT);
        Tracked.waitUntil("the end of the file", () -> Tracked.files(spool).isEmpty());
        next.close();
        tracked.assertWhole(run, "loss", 30_000);
    }

    @Test
    void aWriterWhoseClientWasClosedLeavesAtOnce() {
        cable.cut();
        MetricWriter writer = open(Limits.DEFAULT);
        Tracked.log(writer, "loss", 0, 3);
        tracked.close();
        writer.close();
        assertEquals(1, Tracked.files(spool).size());
    }

    @Test
    void aStrictWriterThrowsForWhatItLeaves() {
        cable.cut();
        MetricWriter writer = MetricWriter.open(
                tracked.calls, run, Tracked.spoolIn(spool).closeTimeout(Duration.ZERO).strict(true));
        Tracked.log(writer, "loss", 0, 3);
        String text = assertThrows(LoggingException.class, writer::close).getMessage();
        assertTrue(text.contains("3 wait in " + spool), text);
    }

    @Test
    void whatFindsNoRoomIsCountedAndTheRestIsStoredInOrder() {
        cable.cut();
        MetricWriter writer = MetricWriter.open(
                tracked.calls, run, Tracked.spoolIn(spool).spoolBytes(3_000_000), new Limits(4L << 20, 1L << 20));
        Tracked.log(writer, "loss", 0, 600_000);
        long dropped = writer.dropped();
        assertTrue(dropped > 0);
        cable.mend();
        assertFalse(writer.flush(Tracked.PATIENCE));
        Tracked.log(writer, "loss", 600_000, 600_001);
        assertTrue(writer.flush(Tracked.PATIENCE));
        writer.close();
        long[] steps = tracked.steps(run, "loss");
        assertEquals(600_001 - dropped, steps.length);
        assertEquals(600_000, steps[steps.length - 1]);
        assertArrayEquals(Arrays.stream(steps).sorted().distinct().toArray(), steps);
    }

    @Test
    void aServerThatEndsAndHangsAgainAndAgainHasEachPointOnce() throws IOException, InterruptedException {
        TestServer server = TestServer.tracking();
        try (Tracked direct = new Tracked(server.address())) {
            String runThere = direct.newRun();
            MetricWriter writer = MetricWriter.open(direct.calls, runThere, Tracked.spoolIn(spool));
            Tracked.log(writer, "loss", 0, 50_000);
            server.kill();
            Tracked.log(writer, "loss", 50_000, 60_000);
            server.start();
            Tracked.log(writer, "loss", 60_000, 100_000);
            signal(server, "STOP");
            Tracked.log(writer, "loss", 100_000, 150_000); // returns though nobody answers
            signal(server, "CONT");
            server.close();
            Tracked.log(writer, "loss", 150_000, 160_000);
            server.start();
            assertTrue(writer.flush(Tracked.PATIENCE));
            assertEquals(0, writer.dropped() + writer.refused());
            writer.close();
            direct.assertWhole(runThere, "loss", 160_000);
        } finally {
            server.kill();
        }
    }

    private MetricWriter open(Limits limits) {
        return MetricWriter.open(tracked.calls, run, Tracked.spoolIn(spool), limits);
    }

    private static void signal(TestServer server, String name) throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-" + name, String.valueOf(server.pid())).start().waitFor();
    }
}
