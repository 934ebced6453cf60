package dev.milepost.client.writer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.support.TestServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What programs leave when they end, and who sends it. */
class ProcessTest {
    private static final int POINTS = 100_000;

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
    void aProgramThatEndsWithoutClosingLosesNothing() throws Exception {
        Program program = new Program(List.of(), "" + POINTS, "60000");
        program.log();
        program.end();
        tracked.assertWhole(run, "loss", POINTS);
        assertEquals(List.of(), Tracked.files(spool));
    }

    @Test
    void whatAProgramCouldNotSendUntilItsEndIsSentBySync() throws Exception {
        Program program = new Program(List.of(), "" + POINTS, "300");
        cable.cut();
        program.log();
        program.end();
        assertEquals(1, Tracked.files(spool).size());
        cable.mend();
        Process sync = Programs.milepost("sync", "--spool-dir", spool.toString());
        String said = Programs.output(sync);
        assertTrue(said.contains("100,000 values stored at " + cable.address()), said);
        assertEquals(0, sync.waitFor());
        tracked.assertWhole(run, "loss", POINTS);
    }

    @Test
    void whatAKilledProgramHadOnDiskIsSentByTheNextOne() throws Exception {
        Program program = new Program(List.of(), "" + POINTS, "300");
        cable.cut();
        program.log();
        Tracked.waitUntil("the file", () -> valuesOnDisk() == POINTS);
        program.kill();
        cable.mend();
        MetricWriter next = MetricWriter.open(tracked.calls, run, Tracked.spoolIn(spool));
        Tracked.log(next, "other", 0, 1);
        Tracked.waitUntil("the end of the file", () -> Tracked.files(spool).isEmpty());
        next.close();
        tracked.assertWhole(run, "loss", POINTS);
        tracked.assertWhole(run, "other", 1);
    }

    @Test
    void memoryIsBoundedWhileTheServerIsAwayAndTheDiskIsFull() throws Exception {
        Program program = new Program(List.of("-Xmx96m", "-XX:+ExitOnOutOfMemoryError"), "5000000", "0", "2000000");
        cable.cut();
        assertTrue(Long.parseLong(program.log()) > 3_000_000);
        program.kill();
    }

    @Test
    void whatPythonLeftIsSentByJava() throws Exception {
        Process python = Programs.python("write", spool.toString(), cable.address(), run);
        assertEquals(0, python.waitFor());
        MetricWriter writer = MetricWriter.open(tracked.calls, run, Tracked.spoolIn(spool));
        Tracked.waitUntil("the end of the file", () -> Tracked.files(spool).isEmpty());
        writer.close();
        assertArrayEquals(LongStream.range(0, 30).toArray(), tracked.steps(run, "loss"));
        assertEquals(
                LongStream.range(0, 30).mapToObj(step -> step / 3.0).toList(),
                tracked.history(run, "loss").getValuesList());
        assertEquals(0.1, tracked.run(run).getParamsOrThrow("lr").getDoubleValue());
        assertEquals("Python", tracked.run(run).getTagsOrThrow("made.by"));
        assertEquals(1, tracked.run(run).getParamsCount());
    }

    /** Values in the one file of the folder, as far as another process can tell without its lock. */
    private long valuesOnDisk() {
        List<Path> files = Tracked.files(spool);
        if (files.isEmpty()) {
            return 0;
        }
        try {
            Path copy = Files.createTempDirectory("milepost-java-").resolve("copy.spool");
            Files.copy(files.get(0), copy);
            Spool read = Spool.adopt(copy);
            try {
                return SpoolTest.readAll(read).stream().mapToLong(Batch::values).sum();
            } finally {
                read.remove();
                Files.delete(copy.getParent());
            }
        } catch (IOException | SpoolDamagedException | SpoolInUseException beingWritten) {
            return 0;
        }
    }

    /** A {@link Child}. */
    private final class Program {
        private final Process process;
        private final BufferedReader output;

        Program(List<String> options, String... arguments) throws IOException {
            List<String> command = new ArrayList<>(List.of(ProcessHandle.current().info().command().orElse("java")));
            command.addAll(options);
            command.addAll(List.of("-cp", System.getProperty("java.class.path"), Child.class.getName()));
            command.addAll(List.of(cable.address(), run, spool.toString()));
            command.addAll(List.of(arguments));
            process = Programs.start(command);
            output = process.inputReader();
            assertEquals("ready", output.readLine());
        }

        /** Has it log. Returns what it prints then. */
        String log() throws IOException {
            goOn();
            return output.readLine();
        }

        void end() throws IOException, InterruptedException {
            goOn();
            assertEquals(0, process.waitFor());
        }

        void kill() throws InterruptedException {
            process.destroyForcibly().waitFor();
        }

        private void goOn() throws IOException {
            OutputStream input = process.getOutputStream();
            input.write('\n');
            input.flush();
        }
    }
}
