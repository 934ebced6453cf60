package dev.milepost.client.serving;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.protobuf.Timestamp;
import dev.milepost.client.errors.Errors;
import dev.milepost.client.errors.InvalidArgumentException;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.v1.ErrorReason;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import milepost.models.petals.Input;
import milepost.models.petals.Output;
import milepost.models.petals.Params;
import milepost.models.petals.PredictRequest;
import milepost.models.petals.PredictResponse;
import milepost.models.petals.PredictorGrpc;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/**
 * The contract of a model is a {@code .proto} of its own: {@code src/test/protos/petals.proto} is what Milepost writes
 * for the model {@code petals}, and the build makes the classes of it that this program is written against.
 */
class TypedContractTest {
    private static final ModelServer SERVER = Served.connect();
    private static final PredictorGrpc.PredictorBlockingStub PREDICTOR =
            PredictorGrpc.newBlockingStub(SERVER.channel());
    private static final Input ROW = Input.newBuilder()
            .setName("ü")
            .setCount(Long.MAX_VALUE)
            .setSeen(Timestamp.newBuilder().setSeconds(1).setNanos(1))
            .setPetalLengthCm(1.5)
            .setPetalWidthCm(2)
            .build();

    @AfterAll
    static void close() {
        SERVER.close();
    }

    @Test
    void theContractOfTheTestsIsTheOneThatMilepostWrites() throws IOException {
        String written = Served.milepost("models", "proto", Served.MODELS.resolve("petals").toString());
        assertEquals(Files.readString(Path.of("src/test/protos/petals.proto")), written);
    }

    @Test
    void columnsAreFieldsThatKeepTheirValues() {
        PredictResponse answer = PREDICTOR.predict(
                PredictRequest.newBuilder().addInputs(ROW).addInputs(ROW.toBuilder().clearSeen()).build());
        Output first = answer.getOutputs(0);
        assertEquals(List.of("ü", Long.MAX_VALUE, 3.0), List.of(first.getName(), first.getCount(), first.getArea()));
        assertEquals(ROW.getSeen(), first.getSeen());
        assertFalse(answer.getOutputs(1).hasSeen());
    }

    @Test
    void paramsAreFieldsWithDefaults() {
        PredictRequest request = PredictRequest.newBuilder()
                .addInputs(ROW)
                .setParams(Params.newBuilder().setFactor(-0.5))
                .build();
        assertEquals(-1.5, PREDICTOR.predict(request).getOutputs(0).getArea());
    }

    @Test
    void aColumnThatIsMissingIsNamedByItsPath() {
        PredictRequest request =
                PredictRequest.newBuilder().addInputs(ROW.toBuilder().clearCount()).build();
        MilepostException error =
                Errors.from(assertThrows(StatusRuntimeException.class, () -> PREDICTOR.predict(request)));
        assertInstanceOf(InvalidArgumentException.class, error);
        assertEquals(ErrorReason.ERROR_REASON_BAD_MODEL_INPUT, error.reason());
        assertEquals("inputs[0].count", error.metadata().get("field"));
        assertFalse(error.callId().isEmpty());
    }
}
