package dev.milepost.client.tracking;

import static dev.milepost.client.tracking.Fixture.CLIENT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.support.TestServer;
import dev.milepost.v1.Run;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExitTest {
    @TempDir
    private Path spool;

    @Test
    void aRunThatIsOpenWhenMainReturnsEndsAsKilledWithAllItsPoints() throws Exception {
        Process program = start("exit");
        String id = firstLine(program);
        assertEndsKilled(program, id);
    }

    @Test
    void aRunOfAProgramThatIsToldToEndEndsAsKilledWithAllItsPoints() throws Exception {
        Process program = start("wait");
        String id = firstLine(program);
        program.destroy();
        assertEndsKilled(program, id);
    }

    private static void assertEndsKilled(Process program, String id) throws InterruptedException {
        assertTrue(program.waitFor(60, TimeUnit.SECONDS), "the JVM did not end");
        RunHandle run = CLIENT.runs().get(id);
        assertEquals(Run.State.STATE_KILLED, run.state());
        assertEquals(1000, run.metricSummaries().get("loss").getCount());
        assertEquals(
                ExitingProgram.class.getName(), run.tags().get("milepost.source"));
    }

    private Process start(String last) throws IOException {
        ProcessBuilder program = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        ExitingProgram.class.getName(),
                        TestServer.shared().address(),
                        last)
                .redirectError(ProcessBuilder.Redirect.INHERIT);
        program.environment().put("MILEPOST_SPOOL_DIR", spool.toString());
        return program.start();
    }

    private static String firstLine(Process program) throws IOException {
        return program.inputReader().readLine();
    }
}
