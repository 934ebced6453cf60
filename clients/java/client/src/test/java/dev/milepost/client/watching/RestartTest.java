package dev.milepost.client.watching;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.milepost.client.MilepostClient;
import dev.milepost.client.errors.UnavailableException;
import dev.milepost.client.registry.NewRegisteredModel;
import dev.milepost.client.support.TestServer;
import dev.milepost.client.tracking.NewRun;
import dev.milepost.client.tracking.RunBatch;
import dev.milepost.client.tracking.RunHandle;
import dev.milepost.v1.RegistryEvent;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Watches of a server that is killed, as by a crash, and started again. */
@Timeout(60)
class RestartTest {
    private static final int CHANGES = 40;

    private static TestServer server;

    private final MilepostClient client = patient();
    private final MilepostClient other = patient();
    private final RunHandle run = other.runs().create(NewRun.inDefault());

    @BeforeAll
    static void startServer() {
        server = TestServer.tracking();
    }

    @AfterAll
    static void stopServer() {
        server.close();
    }

    @AfterEach
    void close() {
        client.close();
        other.close();
    }

    @Test
    void pointsAndEventsOfTheTimeOfTheCrashComeOnceAndInOrder() throws InterruptedException {
        List<MetricUpdate> points = new ArrayList<>();
        List<RegistryEvent> events = new ArrayList<>();
        CompletableFuture<Void> allPoints = collect(client.metrics().watch(run.id()).start(), points);
        CompletableFuture<Void> allEvents = collect(client.registry().watch().start(), events);

        CountDownLatch half = new CountDownLatch(CHANGES / 2);
        CompletableFuture<Void> written = CompletableFuture.runAsync(() -> {
            for (int i = 0; i < CHANGES; i++) {
                write(i);
                half.countDown();
            }
        });
        half.await();
        server.kill();
        server.start();
        written.join();
        allPoints.join();
        allEvents.join();

        List<Long> steps = points.stream()
                .flatMap(update -> LongStream.of(update.steps()).boxed())
                .toList();
        assertEquals(LongStream.range(0, CHANGES).boxed().toList(), steps);
        assertFalse(points.stream().anyMatch(MetricUpdate::restarted));
        assertEquals(
                IntStream.range(0, CHANGES).mapToObj(i -> "model-" + i).toList(),
                events.stream().map(RegistryEvent::getName).toList());
    }

    @Test
    void runsAreToldAsTheyAreAfterTheCrashAlsoToReadersWhoHadGivenUp() {
        MilepostClient impatient = client.withTimeout(Duration.ofMillis(600));
        try (Watch<RunHandle> watch = client.runs().watch(run.id());
                Watch<RunHandle> lost = impatient.runs().watch(run.id());
                Watch<RunChanges<RunHandle>> experiment = client.experiments().watch("0").start()) {
            assertEquals(run.proto(), watch.next().proto());
            assertEquals(run.proto(), lost.next().proto());
            assertEquals(List.of(), experiment.next().runs());
            server.kill();
            assertThrows(UnavailableException.class, lost::next);
            server.start();
            run.setTag("a", "1");
            RunHandle now = run.refresh();
            assertEquals(now.proto(), withTag(watch).proto());
            assertEquals(now.proto(), withTag(lost).proto());
            Iterator<RunHandle> runs = experiment.stream()
                    .flatMap(changes -> changes.runs().stream())
                    .iterator();
            assertEquals(now.proto(), withTag(runs).proto());
        }
    }

    private static MilepostClient patient() {
        return MilepostClient.builder()
                .target(server.address())
                .timeout(Duration.ofSeconds(60))
                .build();
    }

    /** Reads a watch on a thread of its own, until the last change. */
    private static <T> CompletableFuture<Void> collect(Watch<T> watch, List<T> items) {
        return watch.forEachAsync(item -> {
            items.add(item);
            if (item instanceof RegistryEvent event && event.getName().equals("model-" + (CHANGES - 1))
                    || item instanceof MetricUpdate update && update.step(update.size() - 1) == CHANGES - 1) {
                watch.close();
            }
        });
    }

    /** Logs a point and creates a model, each once, however often the server has to be asked. */
    private void write(int number) {
        RunBatch batch = RunBatch.builder().metric("loss", number, number).build();
        RunBatch once = new RunBatch(
                batch.request().toBuilder().setRequestId("point " + number).build());
        untilAnswered(() -> other.runs().logBatch(run.id(), once));
        NewRegisteredModel model = NewRegisteredModel.named("model-" + number).requestId("model " + number);
        untilAnswered(() -> other.registeredModels().create(model));
    }

    private static void untilAnswered(Runnable call) {
        while (true) {
            try {
                call.run();
                return;
            } catch (UnavailableException absent) {
                Thread.onSpinWait();
            }
        }
    }

    /** The run once it has its tag. */
    private static RunHandle withTag(Iterator<RunHandle> runs) {
        RunHandle run = runs.next();
        while (run.tags().isEmpty()) {
            run = runs.next();
        }
        return run;
    }
}
