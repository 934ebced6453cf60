package dev.milepost.client.serving;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.errors.DeadlineExceededException;
import dev.milepost.client.errors.FailedPreconditionException;
import dev.milepost.client.errors.InvalidArgumentException;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.client.errors.ResourceExhaustedException;
import dev.milepost.client.errors.UnavailableException;
import dev.milepost.client.errors.UnknownException;
import dev.milepost.client.serving.Served.Gate;
import dev.milepost.v1.ErrorReason;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class PredictionTest {
    private static final ModelServer SERVER = Served.connect();
    private static final Map<String, Tensor> PETALS = Map.of(
            "name", Tensor.of("ü😀", ""),
            "count", Tensor.of(Long.MAX_VALUE, Long.MIN_VALUE),
            "petal length (cm)", Tensor.of(1.5, -0.0),
            "petal width (cm)", Tensor.of(2.0, 1.0));

    @AfterAll
    static void close() {
        SERVER.close();
    }

    static List<Tensor> tensors() {
        return List.of(
                Tensor.of(Double.longBitsToDouble(0x7FF8000000000001L), Double.NEGATIVE_INFINITY, -0.0, Double.MIN_VALUE),
                Tensor.of(Float.intBitsToFloat(0x7FC00001), -0.0f, Float.MIN_VALUE),
                Tensor.float16(new long[] {1, 2, 3}, 0, 1, -2, 0.5f, 65504, Float.NaN),
                Tensor.of(Long.MAX_VALUE, Long.MIN_VALUE),
                Tensor.of(Integer.MAX_VALUE, Integer.MIN_VALUE),
                Tensor.of(Short.MIN_VALUE),
                Tensor.of(Byte.MIN_VALUE),
                Tensor.uint8(new long[] {2}, 0, 255),
                Tensor.uint16(new long[] {1}, 65535),
                Tensor.uint32(new long[] {1}, 0xFFFFFFFFL),
                Tensor.uint64(new long[] {1}, -1),
                Tensor.of(true, false),
                Tensor.of(Instant.parse("1969-12-31T23:59:59.999999999Z"), Instant.parse("2262-04-11T23:47:16Z")),
                Tensor.str(new long[] {1, 3}, "ü😀", "", "a\tb"),
                Tensor.bytes(new long[] {2, 1}, new byte[] {0, (byte) 0xFF}, new byte[0]),
                Tensor.of(new long[][] {{1, 2}, {3, 4}}),
                Tensor.float64(new long[0], 1));
    }

    @ParameterizedTest
    @MethodSource("tensors")
    void tensorsComeBackToTheBit(Tensor tensor) {
        assertEquals(tensor, SERVER.predict("echo", tensor).tensor());
    }

    @Test
    void namedTensorsComeBackByTheirNames() {
        Map<String, Tensor> batch = Map.of("ä b", Tensor.of(1.5), "", Tensor.of(2), "c", Tensor.of(new double[2][3]));
        assertEquals(batch, SERVER.predict("echo", batch).tensors());
    }

    @Test
    void anAnswerWithoutRowsIsATensorWithoutRows() {
        Tensor answer = SERVER.predict("echo", Tensor.of("nothing", "nothing")).tensor();
        assertArrayEquals(new long[] {0}, answer.shape());
    }

    @Test
    void columnsAreAskedWithParamsAndAnId() {
        Prediction answer = SERVER.predict("petals", 0, Batch.of(PETALS).param("factor", 10).id("mine"));
        assertEquals(Tensor.of(30.0, -0.0), answer.tensors().get("area"));
        assertEquals(PETALS.get("name"), answer.tensors().get("name"));
        assertEquals(PETALS.get("count"), answer.tensors().get("count"));
        assertEquals("mine", answer.id());
        assertEquals(0, answer.version());
        assertThrows(IllegalStateException.class, answer::tensor);
        assertThrows(IllegalStateException.class, answer::rows);
    }

    @Test
    void rowsAreAnsweredByRows() {
        Map<String, Object> row =
                Map.of("name", "ü", "count", 1L << 53, "petal length (cm)", 1.5f, "petal width (cm)", 2);
        Prediction answer = SERVER.predict("petals", Batch.ofRows(List.of(row)).params(Map.of("factor", 0.5)));
        Map<?, ?> found = (Map<?, ?>) answer.rows().get(0);
        assertEquals(List.of("ü", 0x1p53, 1.5), List.of(found.get("name"), found.get("count"), found.get("area")));
        assertEquals(List.of(1.5, 2.0), SERVER.predict("echo", Batch.ofRows(List.of(1.5, 2))).rows());
        assertEquals(
                List.of(List.of(1.0, 2.0), List.of(3.0, 4.0)),
                SERVER.predict("echo", Batch.ofRows(List.of(new int[] {1, 2}, List.of(3, 4)))).rows());
    }

    static List<Object> unsendable() {
        return List.of((1L << 53) + 1, BigInteger.ONE, new byte[1], "\udc00", Map.of(1, 2), new Object());
    }

    @ParameterizedTest
    @MethodSource("unsendable")
    void whatJsonDoesNotKeepIsRefusedByItsField(Object value) {
        IllegalArgumentException refused = assertThrows(
                IllegalArgumentException.class, () -> Batch.ofRows(List.of(Map.of("deep", List.of(value)))));
        assertTrue(refused.getMessage().startsWith("rows.deep"), refused.getMessage());
    }

    @Test
    void aTableOfArrowIsAnsweredByATableOfArrow() throws IOException {
        byte[] table = Files.readAllBytes(Served.MODELS.resolve("petals.arrow"));
        Path answer = Served.newPath();
        Files.write(answer, SERVER.predict("petals", Batch.ofArrow(table)).arrow());
        assertEquals(
                "{'name': ['ü', ''], 'count': [9223372036854775807, -9223372036854775808], 'area': [3.0, -0.0]}",
                Served.python("arrow_columns.py", answer.toString(), "name", "count", "area").strip());
    }

    @Test
    void aColumnThatIsMissingIsNamed() {
        InvalidArgumentException refused = assertThrows(
                InvalidArgumentException.class, () -> SERVER.predict("petals", Map.of("name", Tensor.of("a"))));
        assertEquals(ErrorReason.ERROR_REASON_BAD_MODEL_INPUT, refused.reason());
        assertEquals("count", refused.metadata().get("field"));
    }

    @Test
    void aModelOrVersionThatIsNotServedIsTold() {
        for (var ask : List.<Executable>of(
                () -> SERVER.predict("none", Tensor.of("a")),
                () -> SERVER.predict("echo", 7, Batch.of(Tensor.of("a"))))) {
            NotFoundException refused = assertThrows(NotFoundException.class, ask);
            assertEquals(ErrorReason.ERROR_REASON_SERVED_MODEL_NOT_FOUND, refused.reason());
        }
    }

    @Test
    void anErrorOfTheModelIsToldByItsKindOnly() {
        UnknownException failed =
                assertThrows(UnknownException.class, () -> SERVER.predict("acting", Tensor.of("raise secret")));
        assertEquals(ErrorReason.ERROR_REASON_MODEL_FAILED, failed.reason());
        assertEquals("ValueError", failed.metadata().get("errorKind"));
        assertFalse(failed.getMessage().contains("secret"));
    }

    @Test
    void aFullQueueSaysWhenToRepeat() {
        try (Gate gate = new Gate();
                ModelServer impatient = ModelServer.builder()
                        .target(Served.SERVER.address())
                        .retries(false)
                        .build()) {
            CompletableFuture<Prediction> first = impatient.predictAsync("acting", gate.batch());
            gate.untilReached();
            List<CompletableFuture<Prediction>> others = IntStream.range(0, 64)
                    .mapToObj(each -> impatient.predictAsync("acting", Batch.of(Tensor.of("a"))))
                    .toList();
            Served.until(() -> others.stream().anyMatch(CompletableFuture::isCompletedExceptionally));
            gate.open();
            assertEquals(List.of(gate.answer()), first.join().tensor().asStrings());
            ResourceExhaustedException refused =
                    assertThrows(ResourceExhaustedException.class, () -> others.forEach(Calls::await));
            assertEquals(ErrorReason.ERROR_REASON_TOO_MANY_REQUESTS, refused.reason());
            assertTrue(refused.retryAfter().isPresent());
        }
    }

    @Test
    void aRequestThatKillsItsProcessIsRepeatedOnce() {
        long before = SERVER.models().get("acting").getVersions(0).getRestarts();
        UnavailableException lost =
                assertThrows(UnavailableException.class, () -> SERVER.predict("acting", Tensor.of("kill")));
        assertEquals(ErrorReason.ERROR_REASON_WORKER_LOST, lost.reason());
        assertEquals(before + 2, SERVER.models().get("acting").getVersions(0).getRestarts());
    }

    @Test
    void aDeadlineEndsTheWaiting() {
        try (Gate gate = new Gate()) {
            ModelServer hasty = SERVER.withTimeout(Duration.ofMillis(300));
            assertThrows(DeadlineExceededException.class, () -> hasty.predict("acting", gate.batch()));
        }
    }

    @Test
    void whatIsCancelledIsNotPredicted() {
        try (Gate busy = new Gate();
                Gate cancelled = new Gate()) {
            // Fills the model, so that what comes next waits in the queue.
            String[] rows = new String[64];
            Arrays.fill(rows, busy.answer());
            List<CompletableFuture<Prediction>> filling = IntStream.range(0, 2)
                    .mapToObj(each -> SERVER.predictAsync("acting", Batch.of(Tensor.of(rows))))
                    .toList();
            busy.untilReached();
            CompletableFuture<Prediction> asked = SERVER.predictAsync("acting", cancelled.batch());
            Served.until(() -> SERVER.models().get("acting").getVersions(0).getQueued() > 0);
            asked.cancel(true);
            // Goes over the same connection, so the server hears of the cancellation first.
            SERVER.models().get("acting");
            busy.open();
            filling.forEach(CompletableFuture::join);
            SERVER.predict("acting", Tensor.of("a"));
            assertFalse(cancelled.isReached());
        }
    }

    @Test
    void piecesComeOneByOneAndEndWhenTheyAreClosed() {
        Path ended = Served.newPath();
        // More than what is sent ahead of the reader.
        String[] rows = new String[100];
        Arrays.fill(rows, "a".repeat(50_000));
        rows[0] = "a";
        rows[1] = "touch " + ended;
        try (PredictionPieces pieces = SERVER.generate("acting", Batch.of(Tensor.of(rows)).id("mine"))) {
            Prediction first = pieces.next();
            assertEquals(List.of("a"), first.tensor().asStrings());
            assertEquals("mine", first.id());
            assertFalse(Files.exists(ended));
        }
        Served.until(() -> Files.exists(ended));
    }

    @Test
    void allPiecesAreReadToTheirEnd() {
        try (PredictionPieces pieces = SERVER.generate("acting", Batch.of(Tensor.of("a", "b", "raise c")))) {
            assertEquals(List.of("a"), pieces.next().tensor().asStrings());
            assertEquals(List.of("b"), pieces.next().tensor().asStrings());
            assertEquals(
                    ErrorReason.ERROR_REASON_MODEL_FAILED,
                    assertThrows(UnknownException.class, pieces::hasNext).reason());
        }
    }

    @Test
    void aModelWithoutPiecesSaysSo() {
        try (PredictionPieces pieces = SERVER.generate("petals", Batch.of(PETALS))) {
            MilepostException refused = assertThrows(FailedPreconditionException.class, pieces::next);
            assertEquals(ErrorReason.ERROR_REASON_MODEL_CANNOT_STREAM, refused.reason());
        }
    }

    @Test
    void anAsynchronousPredictionFailsWithTheSame() {
        CompletionException failed = assertThrows(
                CompletionException.class,
                () -> SERVER.predictAsync("none", Batch.of(Tensor.of(1))).join());
        assertTrue(failed.getCause() instanceof NotFoundException);
    }

    @Test
    void healthKnowsTheModels() {
        assertTrue(SERVER.isReady());
        assertTrue(SERVER.isReady("petals"));
        assertFalse(SERVER.isReady("none"));
    }
}
