package dev.milepost.client.tracking;

import static dev.milepost.client.tracking.Fixture.CLIENT;
import static dev.milepost.client.tracking.Fixture.freshExperiment;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.v1.Run;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class ActiveRunTest {
    private final NewRun wanted = NewRun.in(freshExperiment().id());

    @Test
    void aFinishedRunHasAllThatWasLogged() {
        String id;
        try (ActiveRun run = CLIENT.startRun(wanted.param("lr", 0.1))) {
            id = run.id();
            for (long step = 0; step < 1000; step++) {
                run.logMetric("loss", 1.0 / step, step);
            }
            run.logMetric("old", -0.0, 1, -5);
            run.logMetrics(Map.of("a", 1, "b", 2), 3);
            run.logParams(Map.of("depth", 4));
            run.setTag("team", "vision");
            run.finish();
        }
        RunHandle read = CLIENT.runs().get(id);
        assertEquals(Run.State.STATE_FINISHED, read.state());
        assertTrue(read.endTime().isPresent());
        assertEquals(Map.of("lr", 0.1, "depth", 4L), read.params());
        assertEquals("vision", read.tags().get("team"));
        assertEquals(List.of(1.0, 2.0), List.of(read.metrics().get("a"), read.metrics().get("b")));
        assertEquals(-5, read.metricHistory("old").timestampsMs()[0]);
        assertEquals(
                LongStream.range(0, 1000).boxed().toList(),
                LongStream.of(read.metricHistory("loss").steps()).boxed().toList());
    }

    @Test
    void aRunSaysWhereItsCodeComesFromUnlessToldOtherwise() {
        String id = CLIENT.callWithRun(wanted.tag("milepost.source", "mine").user("ada"), ActiveRun::id);
        RunHandle read = CLIENT.runs().get(id);
        assertEquals("mine", read.tags().get("milepost.source"));
        assertEquals("ada", read.user());
        assertEquals(System.getProperty("java.version"), read.tags().get("milepost.java.version"));
        assertTrue(read.tags().get("milepost.command").contains("java"), read.tags()::toString);
        assertNotNull(read.tags().get("milepost.host"));
    }

    @Test
    void aRunThatIsOnlyClosedHasFailed() {
        ActiveRun run = CLIENT.startRun(wanted);
        run.logMetric("loss", 1, 1);
        run.close();
        RunHandle read = run.handle().refresh();
        assertEquals(Run.State.STATE_FAILED, read.state());
        assertEquals(Map.of("loss", 1.0), read.metrics());
    }

    @Test
    void workThatThrowsFailsItsRunAndIsRethrownAsItIs() {
        IOException thrown = new IOException("disk");
        ActiveRun[] started = new ActiveRun[1];
        IOException caught = assertThrows(
                IOException.class,
                () -> CLIENT.withRun(wanted, run -> {
                    started[0] = run;
                    throw thrown;
                }));
        assertSame(thrown, caught);
        assertEquals(0, caught.getSuppressed().length);
        assertEquals(Run.State.STATE_FAILED, started[0].handle().refresh().state());
    }

    @Test
    void anInterruptDoesNotKeepTheEndFromBeingRecorded() {
        ActiveRun run = CLIENT.startRun(wanted);
        run.logMetric("loss", 1, 1);
        Thread.currentThread().interrupt();
        run.fail(new InterruptedException());
        assertTrue(Thread.interrupted(), "the interrupt is left set");
        assertEquals(Run.State.STATE_FAILED, run.handle().refresh().state());
    }

    @Test
    void theFirstEndHoldsAndNothingIsLoggedAfterIt() {
        ActiveRun run = CLIENT.startRun(wanted);
        run.finish();
        run.fail(new IOException());
        run.close();
        assertEquals(Run.State.STATE_FINISHED, run.handle().refresh().state());
        assertThrows(IllegalStateException.class, () -> run.logMetric("loss", 1, 1));
    }

    @Test
    void aResumedRunGoesOn() {
        String id = CLIENT.callWithRun(wanted, ActiveRun::id);
        try (ActiveRun run = CLIENT.resumeRun(id)) {
            assertEquals(Run.State.STATE_RUNNING, run.handle().state());
            assertTrue(run.handle().endTime().isEmpty());
            run.finish();
        }
    }
}
