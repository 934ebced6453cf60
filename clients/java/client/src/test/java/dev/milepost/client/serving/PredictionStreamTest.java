package dev.milepost.client.serving;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.errors.CancelledException;
import dev.milepost.client.errors.InvalidArgumentException;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.client.errors.UnavailableException;
import dev.milepost.client.errors.UnknownException;
import dev.milepost.client.serving.Served.Gate;
import dev.milepost.client.support.TestServer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.FutureTask;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PredictionStreamTest {
    private static final ModelServer SERVER = Served.connect();

    @AfterAll
    static void close() {
        SERVER.close();
    }

    private static Batch text(Object row) {
        return Batch.of(Tensor.of(String.valueOf(row)));
    }

    private static String answer(Prediction prediction) {
        return prediction.tensor().asStrings().get(0);
    }

    @Test
    void manyBatchesAreAnsweredInTheirOrderThoughTheQueueOfTheModelIsShort() {
        List<String> rows = IntStream.range(0, 1000).mapToObj(String::valueOf).toList();
        try (PredictionStream stream = SERVER.stream("acting")) {
            Iterable<Batch> batches = rows.stream().map(PredictionStreamTest::text)::iterator;
            assertEquals(rows, stream.predictMany(batches).map(PredictionStreamTest::answer).toList());
        }
    }

    @Test
    void manyThreadsAskOverOneStream() {
        try (PredictionStream stream = SERVER.stream("acting", StreamOptions.defaults().maxInFlight(8))) {
            List<String> answers = IntStream.range(0, 400)
                    .parallel()
                    .mapToObj(row -> answer(Calls.await(stream.submit(text(row)))))
                    .toList();
            assertEquals(IntStream.range(0, 400).mapToObj(String::valueOf).toList(), answers);
        }
    }

    @Test
    void oneRequestFailsAndTheOthersAreAnswered() {
        try (PredictionStream stream = SERVER.stream("acting")) {
            CompletableFuture<Prediction> first = stream.submit(text("a").id("mine"));
            CompletableFuture<Prediction> raising = stream.submit(text("raise b"));
            CompletableFuture<Prediction> wrong = stream.submit(Batch.of(Tensor.of(1.5)));
            CompletableFuture<Prediction> last = stream.submit(text("c"));
            assertEquals("a", answer(first.join()));
            assertEquals("mine", first.join().id());
            assertThrows(UnknownException.class, () -> Calls.await(raising));
            assertThrows(InvalidArgumentException.class, () -> Calls.await(wrong));
            assertEquals("c", answer(last.join()));
        }
    }

    @Test
    void aModelOrVersionThatIsNotServedFailsEachRequest() {
        try (PredictionStream none = SERVER.stream("none");
                PredictionStream other = SERVER.stream("acting", StreamOptions.defaults().version(7))) {
            assertThrows(NotFoundException.class, () -> Calls.await(none.submit(text("a"))));
            assertThrows(NotFoundException.class, () -> Calls.await(other.submit(text("a"))));
        }
    }

    @Test
    void aRequestThatKillsItsProcessIsGivenUp() {
        try (PredictionStream stream = SERVER.stream("acting")) {
            assertThrows(UnavailableException.class, () -> Calls.await(stream.submit(text("kill"))));
        }
    }

    @Test
    void noMoreAreTakenThanMayBeUnanswered() throws Exception {
        try (Gate gate = new Gate();
                PredictionStream stream = SERVER.stream("acting", StreamOptions.defaults().maxInFlight(1))) {
            CompletableFuture<Prediction> first = stream.submit(gate.batch());
            FutureTask<CompletableFuture<Prediction>> second = new FutureTask<>(() -> stream.submit(text("b")));
            Thread caller = new Thread(second);
            caller.start();
            gate.untilReached();
            Served.until(() -> caller.getState() == Thread.State.WAITING);
            assertFalse(second.isDone());
            gate.open();
            assertEquals(gate.answer(), answer(first.join()));
            assertEquals("b", answer(second.get().join()));
        }
    }

    @Test
    void closingWaitsForAllAnswers() {
        List<CompletableFuture<Prediction>> asked;
        PredictionStream stream = SERVER.stream("acting");
        try (stream) {
            asked = IntStream.range(0, 100).mapToObj(row -> stream.submit(text(row))).toList();
        }
        assertTrue(asked.stream().allMatch(CompletableFuture::isDone));
        assertThrows(IllegalStateException.class, () -> stream.submit(text("late")));
    }

    @Test
    void cancellingEndsWhatIsUnanswered() {
        try (Gate gate = new Gate();
                PredictionStream stream = SERVER.stream("acting")) {
            CompletableFuture<Prediction> asked = stream.submit(gate.batch());
            gate.untilReached();
            stream.cancel();
            assertThrows(CancelledException.class, () -> Calls.await(asked));
        }
    }

    @Test
    void closingTheConnectionEndsItsStreams() {
        ModelServer client = Served.connect();
        try (Gate gate = new Gate();
                PredictionStream stream = client.stream("acting")) {
            CompletableFuture<Prediction> asked = stream.submit(gate.batch());
            gate.untilReached();
            client.close();
            assertThrows(MilepostException.class, () -> Calls.await(asked));
            Served.until(() -> assertThrows(RuntimeException.class, () -> Calls.await(stream.submit(text("a"))))
                    instanceof IllegalStateException);
        }
    }

    @Test
    void anInterruptEndsTheWaitingForRoom() throws Exception {
        try (Gate gate = new Gate();
                PredictionStream stream = SERVER.stream("acting", StreamOptions.defaults().maxInFlight(1))) {
            stream.submit(gate.batch());
            FutureTask<Boolean> interrupted = new FutureTask<>(() -> {
                assertThrows(CancelledException.class, () -> stream.submit(text("b")));
                return Thread.currentThread().isInterrupted();
            });
            Thread caller = new Thread(interrupted);
            caller.start();
            Served.until(() -> caller.getState() == Thread.State.WAITING);
            caller.interrupt();
            assertTrue(interrupted.get());
            gate.open();
        }
    }

    @Test
    void whatAKilledServerLeftIsAskedAgain() {
        try (TestServer server = TestServer.serving(TestServer.shared(), "--trust", Served.source("acting"));
                ModelServer client = ModelServer.connect(server.address());
                Gate gate = new Gate();
                PredictionStream stream = client.stream("acting")) {
            List<String> rows = IntStream.range(0, 200)
                    .mapToObj(row -> row == 0 ? gate.answer() : String.valueOf(row))
                    .toList();
            List<CompletableFuture<Prediction>> asked =
                    rows.stream().map(row -> stream.submit(text(row))).toList();
            gate.untilReached();
            server.kill();
            assertFalse(asked.get(0).isDone());
            gate.open();
            server.start();
            assertEquals(rows, asked.stream().map(each -> answer(Calls.await(each))).toList());
            assertEquals("c", answer(Calls.await(stream.submit(text("c")))));
        }
    }

    @Test
    void aServerThatStaysAwayFailsTheRequests() {
        try (ModelServer client = ModelServer.connect("127.0.0.1:1").withTimeout(Duration.ofSeconds(1));
                PredictionStream stream = client.stream("acting")) {
            assertThrows(UnavailableException.class, () -> Calls.await(stream.submit(text("a"))));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1025})
    void theBoundIsThatOfTheServer(int most) {
        assertThrows(IllegalArgumentException.class, () -> StreamOptions.defaults().maxInFlight(most));
    }
}
