package dev.milepost.client.writer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.support.TestServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of files that others left. */
class ForwarderTest {
    private final Tracked tracked = new Tracked(TestServer.shared().address());
    private final String run = tracked.newRun();

    @TempDir
    private Path spool;

    @AfterEach
    void disconnect() {
        tracked.close();
    }

    @Test
    void aFileThatIsSentAgainMakesNoTwins() throws IOException {
        Path path = left(1, 2, 3);
        byte[] whole = Files.readAllBytes(path);
        send();
        // As if the program that sent it had died before it could note that.
        Files.write(path, whole);
        send();
        assertArrayEquals(LongStream.range(0, 30).toArray(), tracked.steps(run, "loss"));
    }

    @Test
    void batchesWhosePredecessorsTheServerLacksAreStoredAllTheSame() throws IOException {
        left(7, 8, 9);
        send();
        assertArrayEquals(LongStream.range(0, 30).toArray(), tracked.steps(run, "loss"));
    }

    @Test
    void ofADamagedFileWhatComesBeforeTheDamageIsSent() throws IOException {
        Path path = left(1, 2, 3);
        byte[] whole = Files.readAllBytes(path);
        Files.write(path, Arrays.copyOf(whole, whole.length - 1));
        send();
        assertArrayEquals(LongStream.range(0, 20).toArray(), tracked.steps(run, "loss"));
    }

    @Test
    void aFileForAnotherServerIsLeftAlone() throws IOException {
        Path path = SpoolTest.written(spool, SpoolTest.BATCHES);
        MetricWriter writer = MetricWriter.open(tracked.calls, run, Tracked.spoolIn(spool));
        Tracked.log(writer, "loss", 0, 1);
        assertTrue(writer.flush(Tracked.PATIENCE));
        writer.close();
        assertEquals(List.of(path), Tracked.files(spool));
    }

    /** Opens and closes a writer, when it has sent all. */
    private void send() {
        MetricWriter writer = MetricWriter.open(tracked.calls, run, Tracked.spoolIn(spool));
        Tracked.waitUntil("the end of the file", () -> Tracked.files(spool).isEmpty());
        writer.close();
    }

    /** A file of batches of ten points each, with given sequence numbers. */
    private Path left(long... sequences) throws IOException {
        Spool made = Spool.create(spool, TestServer.shared().address());
        for (int i = 0; i < sequences.length; i++) {
            PointChunk chunk = new PointChunk(10);
            chunk.keys.add("loss");
            for (int step = 10 * i; step < 10 * i + 10; step++) {
                chunk.add(0, 0.5, step, step);
            }
            byte[] wire = new BatchEncoder().encode(chunk).wire();
            made.append(new Batch(run, 10, wire, "writer-of-" + run.substring(0, 8), sequences[i]), SpoolTest.LIMIT);
        }
        made.close();
        return made.path();
    }
}
