package dev.milepost.client.serving;

import com.google.protobuf.ByteString;
import dev.milepost.inference.InferTensorContents;
import dev.milepost.inference.ModelInferRequest;
import dev.milepost.inference.ModelInferResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Tensors as the Open Inference Protocol has them: raw in requests, raw or typed in answers. */
final class OpenTensors {
    private OpenTensors() {}

    static void write(ModelInferRequest.Builder request, Map<String, Tensor> tensors) {
        tensors.forEach((name, tensor) -> {
            String datatype = tensor.dtype().datatype();
            if (datatype.isEmpty()) {
                throw new IllegalArgumentException("The tensor '" + name + "' is of " + tensor.dtype().numpyName()
                        + ", which the protocol lacks. Send texts in the form of ISO 8601, or integers.");
            }
            ModelInferRequest.InferInputTensor.Builder input = request.addInputsBuilder()
                    .setName(Values.checkText(name, "name"))
                    .setDatatype(datatype);
            for (long size : tensor.shape()) {
                input.addShape(size);
            }
            request.addRawInputContents(tensor.dtype().width() == 0 ? joined(tensor) : tensor.data());
        });
    }

    static Map<String, Tensor> read(ModelInferResponse response) {
        List<ByteString> raw = response.getRawOutputContentsList();
        if (!raw.isEmpty() && raw.size() != response.getOutputsCount()) {
            throw new IllegalStateException("The server sent " + raw.size() + " raw contents for "
                    + response.getOutputsCount() + " outputs.");
        }
        Map<String, Tensor> found = new LinkedHashMap<>();
        for (int at = 0; at < response.getOutputsCount(); at++) {
            ModelInferResponse.InferOutputTensor output = response.getOutputs(at);
            DType dtype = DType.ofDatatype(output.getDatatype())
                    .orElseThrow(() -> new IllegalStateException("The output '" + output.getName()
                            + "' has the datatype " + output.getDatatype() + ", which tensors here lack."));
            long[] shape = output.getShapeList().stream().mapToLong(Long::longValue).toArray();
            found.put(
                    output.getName(),
                    raw.isEmpty()
                            ? typed(dtype, shape, output.getContents())
                            : fromRaw(dtype, shape, raw.get(at), output.getName()));
        }
        return found;
    }

    /** Each element after its length in four bytes. */
    private static ByteString joined(Tensor tensor) {
        List<byte[]> elements = tensor.asBytes();
        long total = elements.stream().mapToLong(each -> each.length + (long) Integer.BYTES).sum();
        ByteBuffer buffer = Packing.room(total);
        elements.forEach(each -> buffer.putInt(each.length).put(each));
        return Packing.filled(buffer);
    }

    private static Tensor fromRaw(DType dtype, long[] shape, ByteString raw, String name) {
        return dtype == DType.BYTES
                ? Tensor.ofItems(dtype, shape, split(raw, name))
                : Tensor.ofData(dtype, shape, raw);
    }

    private static List<ByteString> split(ByteString raw, String name) {
        List<ByteString> elements = new ArrayList<>();
        ByteBuffer lengths = raw.asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
        while (lengths.hasRemaining()) {
            int length = lengths.remaining() < Integer.BYTES ? -1 : lengths.getInt();
            if (length < 0 || length > lengths.remaining()) {
                throw new IllegalStateException("Element " + elements.size() + " of the output '" + name
                        + "' reaches beyond the end of the data.");
            }
            elements.add(raw.substring(lengths.position(), lengths.position() + length));
            lengths.position(lengths.position() + length);
        }
        return elements;
    }

    private static Tensor typed(DType dtype, long[] shape, InferTensorContents contents) {
        return switch (dtype) {
            case BOOL -> Tensor.bool(shape, booleans(contents.getBoolContentsList()));
            case INT8 -> Tensor.ofData(dtype, shape, Packing.narrow(ints(contents.getIntContentsList()), 1));
            case INT16 -> Tensor.ofData(dtype, shape, Packing.narrow(ints(contents.getIntContentsList()), 2));
            case INT32 -> Tensor.int32(shape, ints(contents.getIntContentsList()));
            case INT64 -> Tensor.int64(shape, longs(contents.getInt64ContentsList()));
            case UINT8 -> Tensor.ofData(dtype, shape, Packing.narrow(ints(contents.getUintContentsList()), 1));
            case UINT16 -> Tensor.ofData(dtype, shape, Packing.narrow(ints(contents.getUintContentsList()), 2));
            case UINT32 -> Tensor.ofData(dtype, shape, Packing.ints(ints(contents.getUintContentsList())));
            case UINT64 -> Tensor.uint64(shape, longs(contents.getUint64ContentsList()));
            case FLOAT32 -> Tensor.float32(shape, floats(contents.getFp32ContentsList()));
            case FLOAT64 -> Tensor.float64(
                    shape, contents.getFp64ContentsList().stream().mapToDouble(Double::doubleValue).toArray());
            case BYTES -> Tensor.ofItems(dtype, shape, contents.getBytesContentsList());
            case FLOAT16, DATETIME64_NS, STR -> throw new IllegalStateException(
                    "The protocol has typed contents of no " + dtype.numpyName() + ".");
        };
    }

    private static int[] ints(List<Integer> values) {
        return values.stream().mapToInt(Integer::intValue).toArray();
    }

    private static long[] longs(List<Long> values) {
        return values.stream().mapToLong(Long::longValue).toArray();
    }

    private static float[] floats(List<Float> values) {
        float[] found = new float[values.size()];
        for (int at = 0; at < found.length; at++) {
            found[at] = values.get(at);
        }
        return found;
    }

    private static boolean[] booleans(List<Boolean> values) {
        boolean[] found = new boolean[values.size()];
        for (int at = 0; at < found.length; at++) {
            found[at] = values.get(at);
        }
        return found;
    }
}
