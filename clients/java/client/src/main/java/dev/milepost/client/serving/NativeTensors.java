package dev.milepost.client.serving;

import com.google.protobuf.ByteString;
import java.util.LinkedHashMap;
import java.util.Map;

/** Tensors as {@code milepost.v1.Tensor}, and back. */
final class NativeTensors {
    private NativeTensors() {}

    static dev.milepost.v1.Tensor write(String name, Tensor tensor) {
        dev.milepost.v1.Tensor.Builder message = dev.milepost.v1.Tensor.newBuilder()
                .setName(Values.checkText(name, "name"))
                .setDtype(tensor.dtype().numpyName())
                .setData(tensor.data());
        for (long size : tensor.shape()) {
            message.addShape(size);
        }
        for (Object item : tensor.items()) {
            if (item instanceof ByteString bytes) {
                message.addBlobs(bytes);
            } else {
                message.addTexts((String) item);
            }
        }
        return message.build();
    }

    static Map<String, Tensor> read(dev.milepost.v1.Tensors tensors) {
        Map<String, Tensor> found = new LinkedHashMap<>();
        for (dev.milepost.v1.Tensor tensor : tensors.getTensorsList()) {
            found.put(tensor.getName(), read(tensor));
        }
        return found;
    }

    private static Tensor read(dev.milepost.v1.Tensor message) {
        DType dtype = DType.named(message.getDtype())
                .orElseThrow(() -> new IllegalStateException("The tensor '" + message.getName() + "' has the dtype "
                        + message.getDtype() + ", which this client does not know."));
        long[] shape = message.getShapeList().stream().mapToLong(Long::longValue).toArray();
        return switch (dtype) {
            case STR -> Tensor.ofItems(dtype, shape, message.getTextsList());
            case BYTES -> Tensor.ofItems(dtype, shape, message.getBlobsList());
            default -> Tensor.ofData(dtype, shape, message.getData());
        };
    }
}
