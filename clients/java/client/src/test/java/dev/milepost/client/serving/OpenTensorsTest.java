package dev.milepost.client.serving;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.protobuf.ByteString;
import dev.milepost.inference.InferTensorContents;
import dev.milepost.inference.ModelInferResponse;
import dev.milepost.inference.ModelInferResponse.InferOutputTensor;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Answers as other servers give them. */
class OpenTensorsTest {
    private static final long[] ONE = {1};

    static List<Arguments> typed() {
        return List.of(
                Arguments.of("BOOL", contents().addBoolContents(true), Tensor.of(true)),
                Arguments.of("INT8", contents().addIntContents(-128), Tensor.of(Byte.MIN_VALUE)),
                Arguments.of("INT16", contents().addIntContents(-32768), Tensor.of(Short.MIN_VALUE)),
                Arguments.of("INT32", contents().addIntContents(Integer.MIN_VALUE), Tensor.of(Integer.MIN_VALUE)),
                Arguments.of("INT64", contents().addInt64Contents(Long.MIN_VALUE), Tensor.of(Long.MIN_VALUE)),
                Arguments.of("UINT8", contents().addUintContents(255), Tensor.uint8(ONE, 255)),
                Arguments.of("UINT16", contents().addUintContents(65535), Tensor.uint16(ONE, 65535)),
                Arguments.of("UINT32", contents().addUintContents(-1), Tensor.uint32(ONE, 0xFFFFFFFFL)),
                Arguments.of("UINT64", contents().addUint64Contents(-1), Tensor.uint64(ONE, -1)),
                Arguments.of("FP32", contents().addFp32Contents(-0.0f), Tensor.of(-0.0f)),
                Arguments.of("FP64", contents().addFp64Contents(-0.0), Tensor.of(-0.0)),
                Arguments.of(
                        "BYTES",
                        contents().addBytesContents(ByteString.copyFromUtf8("ü")),
                        Tensor.ofBytes(new byte[] {(byte) 0xC3, (byte) 0xBC})));
    }

    private static InferTensorContents.Builder contents() {
        return InferTensorContents.newBuilder();
    }

    private static InferOutputTensor.Builder output(String datatype) {
        return InferOutputTensor.newBuilder().setName("y").setDatatype(datatype).addShape(1);
    }

    private static InferResult raw(String datatype, byte... data) {
        return new InferResult(
                ModelInferResponse.newBuilder()
                        .addOutputs(output(datatype))
                        .addRawOutputContents(ByteString.copyFrom(data))
                        .build(),
                "");
    }

    @ParameterizedTest
    @MethodSource("typed")
    void typedContentsAreRead(String datatype, InferTensorContents.Builder contents, Tensor expected) {
        ModelInferResponse response = ModelInferResponse.newBuilder()
                .addOutputs(output(datatype).setContents(contents))
                .build();
        assertEquals(Map.of("y", expected), new InferResult(response, "").tensors());
    }

    @Test
    void halvesAreRaw() {
        assertEquals(1.0f, raw("FP16", (byte) 0, (byte) 0x3C).tensor().asFloats()[0]);
    }

    @Test
    void whatIsNoTensorIsRefused() {
        assertThrows(IllegalStateException.class, () -> raw("BF16", (byte) 0, (byte) 0).tensors());
        assertThrows(IllegalStateException.class, () -> raw("BYTES", (byte) 5, (byte) 0, (byte) 0, (byte) 0).tensors());
        assertThrows(IllegalStateException.class, () -> raw("BYTES", (byte) 5).tensors());
        assertThrows(IllegalStateException.class, () -> new InferResult(
                ModelInferResponse.newBuilder()
                        .addOutputs(output("INT8"))
                        .addOutputs(output("INT8"))
                        .addRawOutputContents(ByteString.EMPTY)
                        .build(),
                "").tensors());
    }
}
