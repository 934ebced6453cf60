package dev.milepost.client.context;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.MilepostClient;
import dev.milepost.client.support.TestServer;
import dev.milepost.client.tracking.MetricHistory;
import dev.milepost.client.tracking.RunHandle;
import dev.milepost.v1.Artifact;
import dev.milepost.v1.Run;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class ContextTest {
    private final MilepostClient client = MilepostClient.connect(TestServer.shared().address());
    private final MilepostContext context = new MilepostContext(client);

    @AfterEach
    void close() {
        context.close();
        client.close();
    }

    /** What {@code context()} of tests/mlflow_clients/java/Client.java does, with imports and names changed. */
    @Test
    void programOfMlflowsClientRunsWithOtherNames(@TempDir Path folder) throws IOException {
        Path file = Files.writeString(folder.resolve("notes.txt"), "hello");
        String name = "java context " + UUID.randomUUID();
        String experiment = client.experiments().create(name).id();

        context.setExperimentName(name);
        ContextRun parent = context.startRun("parent");
        ContextRun child = context.startRun("child", parent.getId());
        child.logMetrics(Map.of("loss", 0.25), 3);
        child.logMetric("loss", Double.POSITIVE_INFINITY, 4);
        child.logMetric("once", 1.5);
        child.logParams(Map.of("lr", "0.1", "depth", Long.MIN_VALUE));
        child.logParam("fast", "true");
        child.setTags(Map.of("team", "vision"));
        child.setTag("stage", "first");
        child.logArtifact(file);
        child.logArtifact(file, "texts");
        child.logArtifacts(folder, "all");
        child.endRun();
        parent.endRun();

        RunHandle stored = client.runs().get(child.getId());
        assertEquals("child", stored.name());
        assertEquals(experiment, stored.experimentId());
        assertEquals(experiment, context.getExperimentId());
        assertEquals(Run.State.STATE_FINISHED, stored.state());
        assertEquals(Optional.of(parent.getId()), stored.parentRunId());
        assertEquals(Map.of("lr", "0.1", "depth", Long.MIN_VALUE, "fast", "true"), stored.params());
        assertEquals("vision first", stored.tags().get("team") + " " + stored.tags().get("stage"));
        MetricHistory loss = client.metrics().history(child.getId(), "loss");
        assertArrayEquals(new long[] {3, 4}, loss.steps());
        assertArrayEquals(new double[] {0.25, Double.POSITIVE_INFINITY}, loss.values());
        assertArrayEquals(new long[] {0}, client.metrics().history(child.getId(), "once").steps());
        List<String> paths = client.artifacts().list(child.getId(), "", true).stream()
                .map(Artifact::getPath)
                .toList();
        assertEquals(List.of("all/notes.txt", "notes.txt", "texts/notes.txt"), paths);
        assertTrue(child.getArtifactUri().contains(child.getId()));
    }

    @Test
    void workThatThrowsFailsItsRunAndTheCaller() {
        IllegalStateException problem = new IllegalStateException("no data");
        String[] id = new String[1];
        IllegalStateException thrown = assertThrows(
                IllegalStateException.class,
                () -> context.withActiveRun("fails", run -> {
                    id[0] = run.getId();
                    throw problem;
                }));
        assertSame(problem, thrown);
        assertEquals(Run.State.STATE_FAILED, client.runs().get(id[0]).state());
    }

    @Test
    void workThatReturnsFinishesItsRunWithAllPoints() {
        String[] id = new String[1];
        context.withActiveRun(run -> {
            id[0] = run.getId();
            for (int step = 0; step < 1000; step++) {
                run.logMetric("loss", 1.0 / (step + 1), step);
            }
        });
        RunHandle stored = client.runs().get(id[0]);
        assertEquals(Run.State.STATE_FINISHED, stored.state());
        assertEquals(1000, stored.metricSummaries().get("loss").getCount());
        assertEquals("0", stored.experimentId());
        assertFalse(stored.name().isEmpty());
    }

    @Test
    void runEndsInTheStateThatIsSaid() {
        ContextRun run = context.startRun();
        run.endRun(Run.State.STATE_KILLED);
        run.endRun();
        assertEquals(Run.State.STATE_KILLED, client.runs().get(run.getId()).state());
        assertThrows(IllegalStateException.class, () -> run.logMetric("late", 1));
    }

    @Test
    void experimentThatIsNotThereIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> context.setExperimentName("none " + UUID.randomUUID()));
        assertEquals("0", context.getExperimentId());
    }

    @Test
    void contextClosesOnlyAClientOfItsOwn() {
        MilepostClient own;
        try (MilepostContext made = new MilepostContext(TestServer.shared().address())) {
            own = made.getClient();
            own.serverInfo();
        }
        assertThrows(RuntimeException.class, own::serverInfo);
        context.close();
        client.serverInfo();
    }
}
