package dev.milepost.client.serving;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Instant;

/** Java's arrays as the bits of a tensor: row-major and little-endian. */
final class Packing {
    private static final long NANOS = 1_000_000_000;

    private Packing() {}

    static ByteString doubles(double[] values) {
        ByteBuffer buffer = room(values.length, Double.BYTES);
        buffer.asDoubleBuffer().put(values);
        return filled(buffer);
    }

    static ByteString floats(float[] values) {
        ByteBuffer buffer = room(values.length, Float.BYTES);
        buffer.asFloatBuffer().put(values);
        return filled(buffer);
    }

    static ByteString longs(long[] values) {
        ByteBuffer buffer = room(values.length, Long.BYTES);
        buffer.asLongBuffer().put(values);
        return filled(buffer);
    }

    static ByteString ints(int[] values) {
        ByteBuffer buffer = room(values.length, Integer.BYTES);
        buffer.asIntBuffer().put(values);
        return filled(buffer);
    }

    static ByteString shorts(short[] values) {
        ByteBuffer buffer = room(values.length, Short.BYTES);
        buffer.asShortBuffer().put(values);
        return filled(buffer);
    }

    static ByteString booleans(boolean[] values) {
        ByteBuffer buffer = room(values.length, 1);
        for (boolean value : values) {
            buffer.put((byte) (value ? 1 : 0));
        }
        return filled(buffer);
    }

    static ByteString halves(float[] values) {
        ByteBuffer buffer = room(values.length, Short.BYTES);
        for (float value : values) {
            buffer.putShort(Float16.fromFloat(value));
        }
        return filled(buffer);
    }

    static ByteString unsigned8(int[] values) {
        ByteBuffer buffer = room(values.length, 1);
        for (int at = 0; at < values.length; at++) {
            buffer.put((byte) checked(values[at], 0xFF, at));
        }
        return filled(buffer);
    }

    static ByteString unsigned16(int[] values) {
        ByteBuffer buffer = room(values.length, Short.BYTES);
        for (int at = 0; at < values.length; at++) {
            buffer.putShort((short) checked(values[at], 0xFFFF, at));
        }
        return filled(buffer);
    }

    static ByteString unsigned32(long[] values) {
        ByteBuffer buffer = room(values.length, Integer.BYTES);
        for (int at = 0; at < values.length; at++) {
            buffer.putInt((int) checked(values[at], 0xFFFFFFFFL, at));
        }
        return filled(buffer);
    }

    static ByteString times(Instant[] values) {
        ByteBuffer buffer = room(values.length, Long.BYTES);
        for (int at = 0; at < values.length; at++) {
            buffer.putLong(nanoseconds(values[at], at));
        }
        return filled(buffer);
    }

    /** The lower bytes of integers, 1 or 2 of each. */
    static ByteString narrow(int[] values, int width) {
        ByteBuffer buffer = room(values.length, width);
        for (int value : values) {
            buffer.put((byte) value);
            if (width > 1) {
                buffer.put((byte) (value >> 8));
            }
        }
        return filled(buffer);
    }

    static ByteString rows(double[][] rows) {
        ByteBuffer buffer = room((int) Shapes.count(Shapes.table(rows)), Double.BYTES);
        var numbers = buffer.asDoubleBuffer();
        for (double[] row : rows) {
            numbers.put(row);
        }
        return filled(buffer);
    }

    static ByteString rows(float[][] rows) {
        ByteBuffer buffer = room((int) Shapes.count(Shapes.table(rows)), Float.BYTES);
        var numbers = buffer.asFloatBuffer();
        for (float[] row : rows) {
            numbers.put(row);
        }
        return filled(buffer);
    }

    static ByteString rows(long[][] rows) {
        ByteBuffer buffer = room((int) Shapes.count(Shapes.table(rows)), Long.BYTES);
        var numbers = buffer.asLongBuffer();
        for (long[] row : rows) {
            numbers.put(row);
        }
        return filled(buffer);
    }

    static ByteString rows(int[][] rows) {
        ByteBuffer buffer = room((int) Shapes.count(Shapes.table(rows)), Integer.BYTES);
        var numbers = buffer.asIntBuffer();
        for (int[] row : rows) {
            numbers.put(row);
        }
        return filled(buffer);
    }

    private static long nanoseconds(Instant time, int at) {
        try {
            // The second that has the least integers begins before them, so its product alone would be beyond.
            long seconds = time.getEpochSecond();
            long found = seconds < 0
                    ? Math.addExact(Math.multiplyExact(seconds + 1, NANOS), time.getNano() - NANOS)
                    : Math.addExact(Math.multiplyExact(seconds, NANOS), time.getNano());
            if (found != Long.MIN_VALUE) {
                return found;
            }
        } catch (ArithmeticException overflow) {
            // The same refusal as that of the one time whose integer means something else.
        }
        throw new IllegalArgumentException("values: element " + at + ", " + time
                + ", is beyond the years 1677 to 2262, which nanoseconds in 64 bits have.");
    }

    private static long checked(long value, long most, int at) {
        if (value < 0 || value > most) {
            throw new IllegalArgumentException(
                    "values: element " + at + ", " + value + ", is not between 0 and " + most + ".");
        }
        return value;
    }

    private static ByteBuffer room(int count, int width) {
        return room((long) count * width);
    }

    static ByteBuffer room(long bytes) {
        if (bytes > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException("values: " + bytes + " bytes are more than a message can have.");
        }
        return ByteBuffer.allocate((int) bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    static ByteString filled(ByteBuffer buffer) {
        // Nobody else has the array.
        return UnsafeByteOperations.unsafeWrap(buffer.array());
    }
}
