package dev.milepost.client.serving;

import com.google.protobuf.ByteString;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/** The elements of a tensor as Java's arrays, where no value changes. */
final class Unpacking {
    private static final long MOST_EXACT = 1L << 53;
    private static final long NANOS = 1_000_000_000;

    private Unpacking() {}

    static double[] doubles(Tensor tensor) {
        double[] found = new double[tensor.size()];
        switch (tensor.dtype()) {
            case FLOAT64 -> tensor.asBits().asDoubleBuffer().get(found);
            case FLOAT32, FLOAT16 -> {
                float[] values = floats(tensor);
                for (int at = 0; at < found.length; at++) {
                    found[at] = values[at];
                }
            }
            case INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64 -> {
                long[] values = longs(tensor);
                for (int at = 0; at < found.length; at++) {
                    if (values[at] > MOST_EXACT || values[at] < -MOST_EXACT) {
                        throw beyond(tensor, at, "2^53, where doubles lack some integers; read longs");
                    }
                    found[at] = values[at];
                }
            }
            default -> throw other(tensor, "doubles");
        }
        return found;
    }

    static float[] floats(Tensor tensor) {
        float[] found = new float[tensor.size()];
        switch (tensor.dtype()) {
            case FLOAT32 -> tensor.asBits().asFloatBuffer().get(found);
            case FLOAT16 -> {
                ByteBuffer bits = tensor.asBits();
                for (int at = 0; at < found.length; at++) {
                    found[at] = Float16.toFloat(bits.getShort());
                }
            }
            case INT8, INT16, UINT8, UINT16 -> {
                long[] values = longs(tensor);
                for (int at = 0; at < found.length; at++) {
                    found[at] = values[at];
                }
            }
            default -> throw other(tensor, "floats");
        }
        return found;
    }

    static long[] longs(Tensor tensor) {
        int size = tensor.size();
        long[] found = new long[size];
        switch (tensor.dtype()) {
            case INT64, UINT64, DATETIME64_NS -> {
                tensor.asBits().asLongBuffer().get(found);
                for (int at = 0; tensor.dtype() == DType.UINT64 && at < size; at++) {
                    if (found[at] < 0) {
                        throw beyond(tensor, at, "2^63-1; read the bits");
                    }
                }
            }
            case INT8, INT16, INT32, UINT8, UINT16, UINT32 -> {
                ByteBuffer bits = tensor.asBits();
                for (int at = 0; at < size; at++) {
                    found[at] = next(bits, tensor.dtype());
                }
            }
            default -> throw other(tensor, "longs");
        }
        return found;
    }

    static int[] ints(Tensor tensor) {
        if (tensor.dtype() == DType.DATETIME64_NS) {
            throw other(tensor, "ints");
        }
        int[] found = new int[tensor.size()];
        if (tensor.dtype() == DType.INT32) {
            tensor.asBits().asIntBuffer().get(found);
            return found;
        }
        long[] values = longs(tensor);
        for (int at = 0; at < found.length; at++) {
            found[at] = (int) values[at];
            if (found[at] != values[at]) {
                throw beyond(tensor, at, "32 bits; read longs");
            }
        }
        return found;
    }

    static boolean[] booleans(Tensor tensor) {
        if (tensor.dtype() != DType.BOOL) {
            throw other(tensor, "booleans");
        }
        boolean[] found = new boolean[tensor.size()];
        for (int at = 0; at < found.length; at++) {
            found[at] = tensor.data().byteAt(at) != 0;
        }
        return found;
    }

    static List<String> strings(Tensor tensor) {
        List<String> found = new ArrayList<>(tensor.size());
        for (Object item : tensor.items()) {
            found.add(item instanceof ByteString bytes ? text(bytes, tensor, found.size()) : (String) item);
        }
        return sized(tensor, found, "strings");
    }

    static List<byte[]> bytes(Tensor tensor) {
        List<byte[]> found = new ArrayList<>(tensor.size());
        for (Object item : tensor.items()) {
            found.add(
                    item instanceof ByteString bytes
                            ? bytes.toByteArray()
                            : ((String) item).getBytes(StandardCharsets.UTF_8));
        }
        return sized(tensor, found, "bytes");
    }

    static List<Instant> instants(Tensor tensor) {
        if (tensor.dtype() != DType.DATETIME64_NS) {
            throw other(tensor, "instants");
        }
        List<Instant> found = new ArrayList<>(tensor.size());
        for (long nanoseconds : longs(tensor)) {
            if (nanoseconds == Long.MIN_VALUE) {
                throw new IllegalStateException("Element " + found.size() + " of " + tensor
                        + " is NaT, which is no time; read longs, where it is the least one.");
            }
            found.add(Instant.ofEpochSecond(
                    Math.floorDiv(nanoseconds, NANOS), Math.floorMod(nanoseconds, NANOS)));
        }
        return List.copyOf(found);
    }

    private static long next(ByteBuffer bits, DType dtype) {
        return switch (dtype) {
            case INT8 -> bits.get();
            case INT16 -> bits.getShort();
            case INT32 -> bits.getInt();
            case UINT8 -> Byte.toUnsignedLong(bits.get());
            case UINT16 -> Short.toUnsignedLong(bits.getShort());
            case UINT32 -> Integer.toUnsignedLong(bits.getInt());
            default -> throw new AssertionError(dtype);
        };
    }

    private static String text(ByteString bytes, Tensor tensor, int at) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(bytes.asReadOnlyByteBuffer()).toString();
        } catch (CharacterCodingException broken) {
            throw new IllegalStateException("Element " + at + " of " + tensor + " is no UTF-8; read bytes.", broken);
        }
    }

    private static <T> List<T> sized(Tensor tensor, List<T> found, String wanted) {
        if (tensor.dtype().width() != 0) {
            throw other(tensor, wanted);
        }
        return List.copyOf(found);
    }

    private static IllegalStateException beyond(Tensor tensor, int at, String limit) {
        return new IllegalStateException("Element " + at + " of " + tensor + " is beyond " + limit + ".");
    }

    private static IllegalStateException other(Tensor tensor, String wanted) {
        return new IllegalStateException(tensor + " cannot be read as " + wanted + " without a change of values.");
    }
}
