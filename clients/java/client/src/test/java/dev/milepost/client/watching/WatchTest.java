package dev.milepost.client.watching;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.MilepostClient;
import dev.milepost.client.calls.Connection;
import dev.milepost.client.errors.CancelledException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.client.errors.UnavailableException;
import dev.milepost.client.registry.NewLoggedModel;
import dev.milepost.client.registry.RegisteredModelHandle;
import dev.milepost.client.support.TestServer;
import dev.milepost.client.tracking.ExperimentHandle;
import dev.milepost.client.tracking.Metrics;
import dev.milepost.client.tracking.NewRun;
import dev.milepost.client.tracking.RunHandle;
import dev.milepost.client.tracking.RunInputs;
import dev.milepost.v1.Dataset;
import dev.milepost.v1.DatasetInput;
import dev.milepost.v1.RegistryEvent;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class WatchTest {
    private final MilepostClient client = MilepostClient.connect(TestServer.shared().address());
    private final MilepostClient other = MilepostClient.connect(TestServer.shared().address());
    private final RunHandle run = other.runs().create(NewRun.inDefault());

    @AfterEach
    void close() {
        client.close();
        other.close();
    }

    @Test
    void watchedRunIsWholeAfterEachChangeOfAnotherClient() {
        try (Watch<RunHandle> watch = client.runs().watch(run.id())) {
            assertTold(watch);
            run.setTags(Map.of("a", "1", "b", "1"));
            assertTold(watch);
            run.logParam("lr", 0.1);
            assertTold(watch);
            log("loss", 0, 0.5, Double.NaN);
            assertTold(watch);
            DatasetInput.Builder use = DatasetInput.newBuilder()
                    .setDataset(Dataset.newBuilder().setName("d").setDigest("1"));
            run.logInputs(RunInputs.none().dataset(use.build()));
            assertTold(watch);
            run.logInputs(RunInputs.none().dataset(use.putTags("x", "y").build()));
            assertTold(watch);
            String late = outputModel(7);
            assertTold(watch);
            String early = outputModel(2);
            assertTold(watch);
            run.logInputs(RunInputs.none().model(late).model(early));
            assertTold(watch);
            run.deleteTags("a");
            assertTold(watch);
            other.metrics().delete(run.id(), "loss");
            assertTold(watch);
        }
    }

    @Test
    void watchOfFieldsTellsNoOthers() {
        try (Watch<RunHandle> watch = run.watch("tags")) {
            assertEquals(Map.of(), watch.next().tags());
            run.logParam("lr", 0.1);
            run.setTag("a", "1");
            RunHandle next = watch.next();
            assertEquals(Map.of("a", "1"), next.tags());
            assertEquals(Map.of(), next.params());
        }
    }

    @Test
    void watchEndsWhenItsRunIsPurged() {
        try (Watch<RunHandle> watch = run.watch("delete_time")) {
            assertFalse(watch.next().isDeleted());
            run.delete();
            assertTrue(watch.next().isDeleted());
            run.purge();
            assertFalse(watch.hasNext());
            assertThrows(NoSuchElementException.class, watch::next);
        }
    }

    @Test
    void experimentTellsNewAndPurgedRunsAlsoToALaterWatch() {
        ExperimentHandle experiment = other.experiments().create("watched " + UUID.randomUUID());
        RunHandle created;
        String token;
        try (Watch<RunChanges<RunHandle>> watch = experiment.watch()) {
            assertEquals(List.of(), watch.next().runs());
            created = experiment.createRun(NewRun.inDefault());
            assertEquals(List.of(created.proto()), protos(watch.next()));
            token = watch.resumeToken();
        }
        created.delete();
        WatchedExperiment wanted = WatchedExperiment.of(experiment.id()).fields("run_id", "delete_time");
        try (Watch<RunChanges<RunHandle>> watch = client.experiments().watch(wanted.from(token))) {
            assertTrue(watch.next().runs().get(0).isDeleted());
            created.purge();
            assertEquals(List.of(created.id()), watch.next().purgedRunIds());
        }
    }

    @Test
    void metricPointsComeToTheBitAndRewoundOnesAreTakenBack() {
        long payload = 0x7ff8_0000_dead_beefL;
        log("x", Long.MAX_VALUE - 2, Double.longBitsToDouble(payload), -0.0);
        try (Watch<MetricUpdate> watch = client.metrics().watch(run.id(), "x")) {
            MetricUpdate first = watch.next();
            assertEquals(payload, Double.doubleToRawLongBits(first.value(0)));
            assertEquals(Long.MIN_VALUE, Double.doubleToRawLongBits(first.values()[1]));
            assertEquals(List.of(Long.MAX_VALUE - 2, Long.MAX_VALUE - 1), boxed(first.steps()));
            assertEquals(boxed(first.steps()), boxed(first.timestampsMs()));
            assertEquals(run.id() + " x 0", first.runId() + " " + first.key() + " " + first.skipped());
            assertFalse(first.restarted());

            log("unwatched", 1, 1);
            log("x", 5, Double.NEGATIVE_INFINITY);
            assertEquals(Double.NEGATIVE_INFINITY, watch.next().value(0));

            run.rewindMetrics(5);
            MetricUpdate after = watch.next();
            assertTrue(after.restarted());
            assertEquals(List.of(5L), boxed(after.steps()));
        }
    }

    @Test
    void moreNewPointsThanWantedAreThinned() {
        log("x", 0, new double[1000]);
        try (Watch<MetricUpdate> watch =
                client.metrics().watch(WatchedMetrics.of(run.id()).maxPoints(10))) {
            MetricUpdate update = watch.next();
            assertEquals(1000, update.size() + update.skipped());
            assertTrue(update.skipped() > 900);
        }
    }

    @Test
    void anotherWatchGoesOnBehindWhatWasRead() {
        log("a", 1, 1, 2);
        log("b", 1, 3);
        String token;
        try (Watch<MetricUpdate> watch = run.watchMetrics()) {
            assertEquals("a", watch.next().key());
            assertEquals("", watch.resumeToken(), "Half a message was read.");
            assertEquals("b", watch.next().key());
            token = watch.resumeToken();
        }
        log("a", 4, 4);
        try (Watch<MetricUpdate> watch =
                client.metrics().watch(WatchedMetrics.of(run.id()).from(token))) {
            assertEquals(token, watch.resumeToken());
            MetricUpdate update = watch.next();
            assertEquals("a", update.key());
            assertEquals(List.of(4L), boxed(update.steps()));
            assertFalse(update.restarted());
        }
    }

    @Test
    void registryEventsComeInOrderFromTheStartOn() {
        RegisteredModelHandle model = other.registeredModels().create("watched-" + UUID.randomUUID());
        try (Watch<RegistryEvent> watch = model.watch().start();
                Watch<RegistryEvent> all = client.registry().watch().start()) {
            model.setTags(Map.of("a", "1"));
            model.setTags(Map.of("a", "2"));
            RegistryEvent first = watch.next();
            RegistryEvent second = watch.next();
            assertEquals(RegistryEvent.Kind.KIND_TAG_SET, first.getKind());
            assertEquals("1 2", first.getAfter() + " " + second.getAfter());
            assertTrue(first.getSequence() < second.getSequence());
            assertTrue(all.stream().anyMatch(second::equals));
        }
    }

    @Test
    void mappedWatchKeepsWhatCameWithTheStart() {
        run.setTag("a", "1");
        try (Watch<String> watch = run.watch().start().map(one -> one.tags().get("a"))) {
            assertEquals("1", watch.next());
            run.setTag("a", "2");
            assertEquals("2", watch.next());
        }
    }

    @Test
    void closingFromAnotherThreadEndsAWaitingReader() {
        Watch<RunHandle> watch = client.runs().watch(run.id());
        watch.next();
        CompletableFuture<Boolean> more = new CompletableFuture<>();
        waiting(() -> more.complete(watch.hasNext()));
        watch.close();
        assertFalse(more.join());
    }

    @Test
    void interruptEndsAWaitingReaderAndTheWatchCanBeReadOn() {
        try (Watch<RunHandle> watch = client.runs().watch(run.id())) {
            watch.next();
            CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
            Thread reader = waiting(() -> {
                assertThrows(CancelledException.class, watch::hasNext);
                interrupted.complete(Thread.currentThread().isInterrupted());
            });
            reader.interrupt();
            assertTrue(interrupted.join());
            run.setTag("a", "1");
            assertEquals("1", watch.next().tags().get("a"));
        }
    }

    @Test
    void closingTheClientFailsAWaitingReader() {
        Watch<RunHandle> watch = client.runs().watch(run.id());
        watch.next();
        CompletableFuture<Throwable> thrown = new CompletableFuture<>();
        waiting(() -> thrown.complete(assertThrows(UnavailableException.class, watch::hasNext)));
        client.close();
        thrown.join();
    }

    @Test
    void listenerGetsChangesUntilItsFutureIsCancelled() throws InterruptedException {
        BlockingQueue<RunHandle> heard = new LinkedBlockingQueue<>();
        Watch<RunHandle> watch = client.runs().watch(run.id());
        CompletableFuture<Void> end = watch.forEachAsync(heard::add);
        assertEquals(run.proto(), heard.poll(30, TimeUnit.SECONDS).proto());
        run.setTag("a", "1");
        assertEquals("1", heard.poll(30, TimeUnit.SECONDS).tags().get("a"));
        end.cancel(false);
        assertThrows(NoSuchElementException.class, watch::next);
    }

    @Test
    void whatAListenerThrowsEndsItsWatch() {
        Watch<RunHandle> watch = client.runs().watch(run.id());
        CompletableFuture<Void> end = watch.forEachAsync(one -> {
            throw new IllegalStateException("full");
        });
        CompletionException thrown = assertThrows(CompletionException.class, end::join);
        assertInstanceOf(IllegalStateException.class, thrown.getCause());
        assertFalse(watch.hasNext());
    }

    @Test
    void whatIsNotThereIsSaidWhenItIsRead() {
        assertThrows(NotFoundException.class, client.runs().watch("nothing")::start);
        assertThrows(NotFoundException.class, client.metrics().watch("nothing")::next);
        assertThrows(NotFoundException.class, client.experiments().watch("123456789")::next);
    }

    @Test
    void absentServerIsWaitedForAsLongAsTheTimeout() {
        try (MilepostClient lost = MilepostClient.connect("127.0.0.1:1").withTimeout(Duration.ofMillis(500))) {
            assertThrows(UnavailableException.class, lost.runs().watch("x")::next);
        }
    }

    /** The next item is the run as the server has it. */
    private void assertTold(Watch<RunHandle> watch) {
        assertEquals(run.refresh().proto(), watch.next().proto());
    }

    /** Logs points at steps from the first on; their times are their steps. */
    private void log(String key, long firstStep, double... values) {
        long[] steps = LongStream.range(firstStep, firstStep + values.length).toArray();
        run.logMetrics(List.of(Metrics.points(key, steps, steps, values)));
    }

    private String outputModel(long step) {
        return other.loggedModels()
                .create(NewLoggedModel.of(run.id(), "net").outputStep(step))
                .proto()
                .getModelId();
    }

    private static List<?> protos(RunChanges<RunHandle> changes) {
        return changes.runs().stream().map(RunHandle::proto).toList();
    }

    private static List<Long> boxed(long[] values) {
        return LongStream.of(values).boxed().toList();
    }

    /** A thread that runs a task and waits in it. */
    private static Thread waiting(Runnable task) {
        Thread thread = Connection.daemon("reader").newThread(task);
        thread.start();
        while (thread.getState() != Thread.State.WAITING) {
            Thread.onSpinWait();
        }
        return thread;
    }
}
