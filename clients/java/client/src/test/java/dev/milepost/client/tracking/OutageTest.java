package dev.milepost.client.tracking;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.MilepostClient;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.client.support.TestServer;
import dev.milepost.client.writer.WriterOptions;
import dev.milepost.v1.Run;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs whose server is away when they end. */
class OutageTest {
    private static final TestServer SERVER = TestServer.tracking();
    private static final Duration SHORT = Duration.ofMillis(100);

    @TempDir
    private Path spool;

    private final MilepostClient impatient =
            MilepostClient.builder().target(SERVER.address()).retries(false).build();
    private final MilepostClient patient = MilepostClient.connect(SERVER.address());

    @AfterEach
    void closeClients() {
        impatient.close();
        patient.close();
    }

    @AfterAll
    static void stop() {
        SERVER.close();
    }

    @Test
    void aFinishThatFailedCanBeRepeated() {
        ActiveRun run = impatient.startRun(NewRun.inDefault(), options());
        SERVER.kill();
        run.logMetric("loss", 0.5, 1);
        assertThrows(MilepostException.class, () -> run.finish(SHORT));
        SERVER.start();
        run.finish();
        RunHandle read = patient.runs().get(run.id());
        assertEquals(Run.State.STATE_FINISHED, read.state());
        assertEquals(Map.of("loss", 0.5), read.metrics());
    }

    @Test
    void whatAFinishCouldNotSendIsSentByTheNextRunThatLogsToTheServer() {
        ActiveRun first = impatient.startRun(NewRun.inDefault(), options());
        SERVER.kill();
        first.logMetric("loss", 0.5, 1);
        MilepostException error = assertThrows(MilepostException.class, () -> first.finish(SHORT));
        assertTrue(error.isRetriable());
        first.close();
        SERVER.start();
        try (ActiveRun next = patient.startRun(NewRun.inDefault(), options())) {
            next.logMetric("other", 1, 1);
            await(() -> patient.metrics().summaries(first.id()).containsKey("loss"));
            next.finish();
        }
    }

    private WriterOptions options() {
        return WriterOptions.defaults().spoolFolder(spool);
    }

    private static void await(BooleanSupplier condition) {
        long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() < deadline, "it did not come");
            LockSupport.parkNanos(20_000_000);
        }
    }
}
