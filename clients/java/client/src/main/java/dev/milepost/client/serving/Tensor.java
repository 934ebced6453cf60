package dev.milepost.client.serving;

import com.google.protobuf.ByteString;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * An array of numbers, texts, bytes or times with any number of dimensions. Immutable; elements are row-major and kept
 * to the bit. Of a batch, the first dimension counts the rows.
 *
 * <p>{@code of} makes tensors of one dimension, or of two from rows that have one length, of Java's own types. The
 * factories with a {@code shape} (sizes of the dimensions, none for a single value) make all others of {@code values},
 * which are row-major. Both throw {@link IllegalArgumentException} when the shape has another number of elements, or
 * an element does not fit. Readers give the elements, row-major, and throw {@link IllegalStateException} when a value
 * would change.
 *
 * <pre>{@code
 * Tensor features = Tensor.of(new double[][] {{5.1, 3.5}, {4.9, 3.0}});  // float64, 2 by 2
 * Tensor image = Tensor.float32(new long[] {1, 28, 28}, pixels);
 * }</pre>
 */
public final class Tensor {
    private final DType dtype;
    private final long[] shape;
    private final int size;
    /** The elements of a type with a width. */
    private final ByteString data;
    /** The elements of a type without one: of {@link String} or {@link ByteString}. */
    private final List<?> items;

    private Tensor(DType dtype, long[] shape, ByteString data, List<?> items) {
        this.dtype = dtype;
        this.shape = shape.clone();
        this.data = data;
        this.items = items;
        long count = dtype.width() == 0 ? items.size() : data.size() / dtype.width();
        if (dtype.width() != 0 && data.size() % dtype.width() != 0) {
            throw new IllegalArgumentException("data: " + data.size() + " bytes are no whole number of elements of "
                    + dtype.numpyName() + ", which have " + dtype.width() + ".");
        }
        if (Shapes.count(shape) != count) {
            throw new IllegalArgumentException("shape: " + Arrays.toString(shape) + " has " + Shapes.count(shape)
                    + " elements, and " + count + " are given.");
        }
        this.size = (int) count;
    }

    static Tensor ofData(DType dtype, long[] shape, ByteString data) {
        return new Tensor(dtype, shape, data, List.of());
    }

    static Tensor ofItems(DType dtype, long[] shape, List<?> items) {
        return new Tensor(dtype, shape, ByteString.EMPTY, List.copyOf(items));
    }

    /** {@return numbers of float64} */
    public static Tensor of(double... values) {
        return float64(Shapes.line(values.length), values);
    }

    /** {@return numbers of float32} */
    public static Tensor of(float... values) {
        return float32(Shapes.line(values.length), values);
    }

    /** {@return integers of int64} */
    public static Tensor of(long... values) {
        return int64(Shapes.line(values.length), values);
    }

    /** {@return integers of int32} */
    public static Tensor of(int... values) {
        return int32(Shapes.line(values.length), values);
    }

    /** {@return integers of int16} */
    public static Tensor of(short... values) {
        return int16(Shapes.line(values.length), values);
    }

    /** {@return integers of int8} */
    public static Tensor of(byte... values) {
        return int8(Shapes.line(values.length), values);
    }

    /** {@return truth values} */
    public static Tensor of(boolean... values) {
        return bool(Shapes.line(values.length), values);
    }

    /** {@return texts, none of them null} */
    public static Tensor of(String... values) {
        return str(Shapes.line(values.length), values);
    }

    /** {@return times, from and to the years that {@link #datetime64} has} */
    public static Tensor of(Instant... values) {
        return datetime64(Shapes.line(values.length), values);
    }

    /** {@return sequences of bytes, none of them null} */
    public static Tensor ofBytes(byte[]... values) {
        return bytes(Shapes.line(values.length), values);
    }

    /** {@return rows of float64} */
    public static Tensor of(double[][] rows) {
        return ofData(DType.FLOAT64, Shapes.table(rows), Packing.rows(rows));
    }

    /** {@return rows of float32} */
    public static Tensor of(float[][] rows) {
        return ofData(DType.FLOAT32, Shapes.table(rows), Packing.rows(rows));
    }

    /** {@return rows of int64} */
    public static Tensor of(long[][] rows) {
        return ofData(DType.INT64, Shapes.table(rows), Packing.rows(rows));
    }

    /** {@return rows of int32} */
    public static Tensor of(int[][] rows) {
        return ofData(DType.INT32, Shapes.table(rows), Packing.rows(rows));
    }

    /** {@return rows of texts} */
    public static Tensor of(String[][] rows) {
        long[] shape = Shapes.table(rows);
        return str(shape, Arrays.stream(rows).flatMap(Arrays::stream).toArray(String[]::new));
    }

    /** {@return truth values} */
    public static Tensor bool(long[] shape, boolean... values) {
        return ofData(DType.BOOL, shape, Packing.booleans(values));
    }

    /** {@return integers of 8 bits} */
    public static Tensor int8(long[] shape, byte... values) {
        return ofData(DType.INT8, shape, ByteString.copyFrom(values));
    }

    /** {@return integers of 16 bits} */
    public static Tensor int16(long[] shape, short... values) {
        return ofData(DType.INT16, shape, Packing.shorts(values));
    }

    /** {@return integers of 32 bits} */
    public static Tensor int32(long[] shape, int... values) {
        return ofData(DType.INT32, shape, Packing.ints(values));
    }

    /** {@return integers of 64 bits} */
    public static Tensor int64(long[] shape, long... values) {
        return ofData(DType.INT64, shape, Packing.longs(values));
    }

    /** {@return integers of 8 bits, each 0 to 255} */
    public static Tensor uint8(long[] shape, int... values) {
        return ofData(DType.UINT8, shape, Packing.unsigned8(values));
    }

    /** {@return integers of 16 bits, each 0 to 65535} */
    public static Tensor uint16(long[] shape, int... values) {
        return ofData(DType.UINT16, shape, Packing.unsigned16(values));
    }

    /** {@return integers of 32 bits, each 0 to 2^32-1} */
    public static Tensor uint32(long[] shape, long... values) {
        return ofData(DType.UINT32, shape, Packing.unsigned32(values));
    }

    /**
     * {@return integers of 64 bits without a sign}
     *
     * @param shape sizes of the dimensions
     * @param values the bits of the elements, row-major, as {@link Long#parseUnsignedLong} gives them
     */
    public static Tensor uint64(long[] shape, long... values) {
        return ofData(DType.UINT64, shape, Packing.longs(values));
    }

    /**
     * {@return numbers of 16 bits}
     *
     * @param shape sizes of the dimensions
     * @param values the elements, row-major; each becomes the nearest number that 16 bits have, beyond 65504 infinity
     */
    public static Tensor float16(long[] shape, float... values) {
        return ofData(DType.FLOAT16, shape, Packing.halves(values));
    }

    /** {@return numbers of 32 bits} */
    public static Tensor float32(long[] shape, float... values) {
        return ofData(DType.FLOAT32, shape, Packing.floats(values));
    }

    /** {@return numbers of 64 bits} */
    public static Tensor float64(long[] shape, double... values) {
        return ofData(DType.FLOAT64, shape, Packing.doubles(values));
    }

    /**
     * {@return times}
     *
     * @param shape sizes of the dimensions
     * @param values the elements, row-major, from 1677-09-21T00:12:43.145224193Z to 2262-04-11T23:47:16.854775807Z
     */
    public static Tensor datetime64(long[] shape, Instant... values) {
        return ofData(DType.DATETIME64_NS, shape, Packing.times(values));
    }

    /** {@return texts, none of them null, in whole characters} */
    public static Tensor str(long[] shape, String... values) {
        for (int at = 0; at < values.length; at++) {
            Values.checkText(values[at], "element " + at);
        }
        return ofItems(DType.STR, shape, List.of(values));
    }

    /** {@return sequences of bytes, none of them null} */
    public static Tensor bytes(long[] shape, byte[]... values) {
        return ofItems(DType.BYTES, shape, Arrays.stream(values).map(ByteString::copyFrom).toList());
    }

    /**
     * {@return a tensor of given bits}
     *
     * @param dtype a type with a width
     * @param shape sizes of the dimensions
     * @param data the elements, row-major and little-endian, one byte each, 0 or 1, for {@code bool}
     * @throws IllegalArgumentException also for texts and bytes, which have no width, and other bytes of {@code bool}
     */
    public static Tensor ofBits(DType dtype, long[] shape, byte[] data) {
        if (dtype.width() == 0) {
            throw new IllegalArgumentException(
                    "dtype: elements of " + dtype.numpyName() + " have no fixed width. Use str(...) or bytes(...).");
        }
        for (int at = 0; dtype == DType.BOOL && at < data.length; at++) {
            if (data[at] != 0 && data[at] != 1) {
                throw new IllegalArgumentException("data: byte " + at + " of bool is neither 0 nor 1.");
            }
        }
        return ofData(dtype, shape, ByteString.copyFrom(data));
    }

    /** {@return what the elements are} */
    public DType dtype() {
        return dtype;
    }

    /** {@return sizes of the dimensions, none for a single value} */
    public long[] shape() {
        return shape.clone();
    }

    /** {@return number of elements} */
    public int size() {
        return size;
    }

    /** {@return numbers of any type; integers throw beyond 2^53, where doubles lack some} */
    public double[] asDoubles() {
        return Unpacking.doubles(this);
    }

    /** {@return numbers of float32 and float16, and integers of up to 16 bits} */
    public float[] asFloats() {
        return Unpacking.floats(this);
    }

    /** {@return integers of any type, and nanoseconds of times; unsigned ones throw beyond 2^63-1} */
    public long[] asLongs() {
        return Unpacking.longs(this);
    }

    /** {@return integers of any type; throws for those beyond 32 bits} */
    public int[] asInts() {
        return Unpacking.ints(this);
    }

    /** {@return truth values} */
    public boolean[] asBooleans() {
        return Unpacking.booleans(this);
    }

    /** {@return texts, also those that are UTF-8 in {@code bytes}, which is how the protocol V2 has texts} */
    public List<String> asStrings() {
        return Unpacking.strings(this);
    }

    /** {@return sequences of bytes, each a new array, also of texts as UTF-8} */
    public List<byte[]> asBytes() {
        return Unpacking.bytes(this);
    }

    /** {@return times; throws for numpy's NaT, which {@link #asLongs} gives as the least integer} */
    public List<Instant> asInstants() {
        return Unpacking.instants(this);
    }

    /** {@return the bits of the elements, row-major and little-endian, read-only; throws for texts and bytes} */
    public ByteBuffer asBits() {
        if (dtype.width() == 0) {
            throw new IllegalStateException("The tensor is of " + dtype.numpyName() + ", which has no fixed width.");
        }
        return data.asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    }

    ByteString data() {
        return data;
    }

    List<?> items() {
        return items;
    }

    /** Whether the other is a tensor of the same type, shape and bits. */
    @Override
    public boolean equals(Object other) {
        return other instanceof Tensor that
                && dtype == that.dtype
                && Arrays.equals(shape, that.shape)
                && data.equals(that.data)
                && items.equals(that.items);
    }

    @Override
    public int hashCode() {
        return Objects.hash(dtype, Arrays.hashCode(shape), data, items);
    }

    @Override
    public String toString() {
        return "Tensor(" + dtype.numpyName() + ", " + Arrays.toString(shape) + ")";
    }
}
