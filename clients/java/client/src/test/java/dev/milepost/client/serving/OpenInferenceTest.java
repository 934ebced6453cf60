package dev.milepost.client.serving;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.errors.CancelledException;
import dev.milepost.client.errors.InvalidArgumentException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.client.errors.UnavailableException;
import dev.milepost.client.serving.Served.Gate;
import dev.milepost.inference.ModelMetadataResponse;
import dev.milepost.inference.RepositoryIndexResponse.ModelIndex;
import dev.milepost.v1.ErrorReason;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class OpenInferenceTest {
    private static final OpenInference SERVER = OpenInference.connect(Served.SERVER.address());

    @AfterAll
    static void close() {
        SERVER.close();
    }

    static List<Tensor> tensors() {
        return PredictionTest.tensors().stream()
                .filter(tensor -> tensor.dtype() != DType.DATETIME64_NS && tensor.dtype() != DType.STR)
                .toList();
    }

    private static InferRequest text(Object row) {
        return InferRequest.of("acting", Map.of("input", Tensor.of(String.valueOf(row)))).id(String.valueOf(row));
    }

    @ParameterizedTest
    @MethodSource("tensors")
    void tensorsComeBackToTheBit(Tensor tensor) {
        assertEquals(tensor, SERVER.infer("echo", Map.of("x", tensor)).tensor());
    }

    @Test
    void textsComeBackAsBytes() {
        List<String> texts = List.of("ü😀", "");
        InferResult answer = SERVER.infer(text("a").version(""));
        assertEquals(List.of("a"), answer.tensor().asStrings());
        assertEquals("a", answer.id());
        Tensor echoed = SERVER.infer("acting", Map.of("input", Tensor.str(new long[] {2}, "ü😀", ""))).tensor();
        assertEquals(DType.BYTES, echoed.dtype());
        assertEquals(texts, echoed.asStrings());
    }

    @Test
    void columnsAreAskedWithParametersAndForSomeOutputs() {
        InferResult answer = SERVER.infer(InferRequest.of(
                        "petals",
                        Map.of(
                                "name", Tensor.of("a"),
                                "count", Tensor.of(1L),
                                "seen", Tensor.of("2026-01-02T03:04:05Z"),
                                "petal length (cm)", Tensor.of(1.5),
                                "petal width (cm)", Tensor.of(2.0)))
                .parameter("factor", 2.0)
                .outputs("area", "count"));
        assertEquals(List.of("area", "count"), List.copyOf(answer.tensors().keySet()));
        assertEquals(Tensor.of(6.0), answer.tensors().get("area"));
        assertThrows(IllegalStateException.class, answer::tensor);
    }

    @Test
    void timesHaveNoTypeInTheProtocol() {
        assertThrows(
                IllegalArgumentException.class, () -> InferRequest.of("echo", Map.of("x", Tensor.of(Instant.EPOCH))));
    }

    @Test
    void theServerAndItsModelsTellOfThemselves() {
        assertTrue(SERVER.isServerLive());
        assertTrue(SERVER.isServerReady());
        assertTrue(SERVER.isModelReady("petals", ""));
        assertFalse(SERVER.isModelReady("none", ""));
        assertEquals("milepost", SERVER.serverMetadata().getName());
        ModelMetadataResponse metadata = SERVER.modelMetadata("acting", "");
        assertEquals("BYTES", metadata.getInputs(0).getDatatype());
    }

    @Test
    void errorsAreThoseOfPredictions() {
        InvalidArgumentException refused = assertThrows(
                InvalidArgumentException.class, () -> SERVER.infer("acting", Map.of("wrong", Tensor.of("a"))));
        assertEquals(ErrorReason.ERROR_REASON_BAD_MODEL_INPUT, refused.reason());
        assertThrows(NotFoundException.class, () -> SERVER.infer(text("a").version("7")));
        assertThrows(NotFoundException.class, () -> SERVER.modelMetadata("none", ""));
    }

    @Test
    void aStreamHasAnAnswerForEachRequestInTheirOrder() {
        Iterable<InferRequest> requests = IntStream.range(0, 300).mapToObj(OpenInferenceTest::text)::iterator;
        List<String> ids = new ArrayList<>();
        try (InferStream stream = SERVER.inferStream(requests)) {
            stream.forEachRemaining(answer -> ids.add(answer.tensor().asStrings().get(0)));
        }
        assertEquals(IntStream.range(0, 300).mapToObj(String::valueOf).toList(), ids);
    }

    @Test
    void aRequestOfAStreamFailsAlone() {
        try (InferStream stream = SERVER.inferStream(List.of(text("raise a"), text("b")))) {
            InferResult failed = stream.next();
            assertTrue(failed.error().isPresent());
            assertEquals("raise a", failed.id());
            assertThrows(IllegalStateException.class, failed::tensors);
            assertEquals(List.of("b"), stream.next().tensor().asStrings());
            assertFalse(stream.hasNext());
        }
    }

    @Test
    void aStreamTakesRequestsOnlyAsFarAsTheServerDoes() {
        int[] taken = {0};
        try (Gate gate = new Gate()) {
            InferRequest first = InferRequest.of("acting", Map.of("input", Tensor.of(gate.answer())));
            InferRequest large = text("x".repeat(100_000));
            Iterable<InferRequest> endless = () -> IntStream.iterate(0, each -> each + 1)
                    .peek(each -> taken[0] = each)
                    .mapToObj(each -> each == 0 ? first : large)
                    .iterator();
            FutureTask<InferResult> reading = new FutureTask<>(SERVER.inferStream(endless)::next);
            Thread reader = new Thread(reading);
            reader.start();
            gate.untilReached();
            Served.until(() -> reader.getState() == Thread.State.WAITING);
            assertTrue(taken[0] < 1000, taken[0] + " were taken");
            reader.interrupt();
            ExecutionException ended = assertThrows(ExecutionException.class, reading::get);
            assertInstanceOf(CancelledException.class, ended.getCause());
        }
    }

    @Test
    void aStreamToNobodyIsUnavailable() {
        try (OpenInference nobody = OpenInference.connect("127.0.0.1:1");
                InferStream stream = nobody.inferStream(List.of(text("a")))) {
            assertThrows(UnavailableException.class, stream::next);
        }
    }

    @Test
    void theRepositoryLoadsAndUnloads() {
        String name = "serving-constant";
        SERVER.load(name, Map.of("version", 2));
        assertEquals("2", SERVER.infer(name, Map.of("input", Tensor.of(0.0))).version());
        SERVER.load(name, Map.of());
        List<ModelIndex> index = SERVER.repositoryIndex(true);
        assertTrue(index.stream().anyMatch(each -> each.getName().equals(name) && each.getVersion().equals("1")));
        SERVER.unload(name);
        assertFalse(SERVER.isModelReady(name, ""));
        assertThrows(IllegalArgumentException.class, () -> SERVER.load(name, Map.of("version", 1.5)));
    }

    @Test
    void aModelServerSpeaksItToo() {
        try (ModelServer server = Served.connect()) {
            assertTrue(server.openInference().isServerReady());
        }
    }
}
