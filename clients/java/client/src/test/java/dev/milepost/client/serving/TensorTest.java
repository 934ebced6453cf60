package dev.milepost.client.serving;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.v1.Tensors;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.PropertyDefaults;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@PropertyDefaults(tries = 200)
class TensorTest {
    private static final long[] SINGLE = {};

    @Property(tries = 100)
    void whatIsWrittenIsReadToTheBit(@ForAll("tensors") Tensor tensor) {
        Tensors message =
                Tensors.newBuilder().addTensors(NativeTensors.write("ü", tensor)).build();
        assertEquals(Map.of("ü", tensor), NativeTensors.read(message));
    }

    @Provide
    Arbitrary<Tensor> tensors() {
        Arbitrary<long[]> shapes = Arbitraries.longs().between(0, 4).array(long[].class).ofMaxSize(4);
        return shapes.flatMap(shape -> {
            int count = (int) Shapes.count(shape);
            Arbitrary<Tensor> bits = Arbitraries.of(DType.values())
                    .filter(dtype -> dtype.width() > 0 && dtype != DType.BOOL)
                    .flatMap(dtype -> Arbitraries.bytes()
                            .array(byte[].class)
                            .ofSize(count * dtype.width())
                            .map(data -> Tensor.ofBits(dtype, shape, data)));
            Arbitrary<Tensor> texts = Arbitraries.strings()
                    .withCharRange('\0', '\ud7ff')
                    .ofMaxLength(5)
                    .array(String[].class)
                    .ofSize(count)
                    .map(items -> Tensor.str(shape, items));
            Arbitrary<Tensor> blobs = Arbitraries.bytes()
                    .array(byte[].class)
                    .ofMaxSize(5)
                    .array(byte[][].class)
                    .ofSize(count)
                    .map(items -> Tensor.bytes(shape, items));
            return Arbitraries.oneOf(bits, texts, blobs);
        });
    }

    @Property
    void doublesAreReadAsTheyWereGiven(@ForAll double[] values) {
        assertArrayEquals(values, Tensor.of(values).asDoubles());
    }

    @Property
    void floatsAreDoubles(@ForAll float[] values) {
        double[] read = Tensor.of(values).asDoubles();
        for (int at = 0; at < values.length; at++) {
            assertEquals(values[at], (float) read[at]);
        }
    }

    @Property
    void longsAreReadAsTheyWereGiven(@ForAll long[] values) {
        assertArrayEquals(values, Tensor.of(values).asLongs());
    }

    @Property
    void timesAreReadAsTheyWereGiven(@ForAll long nanoseconds) {
        if (nanoseconds != Long.MIN_VALUE) {
            Instant time = Instant.ofEpochSecond(0, nanoseconds);
            Tensor tensor = Tensor.of(time);
            assertEquals(List.of(time), tensor.asInstants());
            assertArrayEquals(new long[] {nanoseconds}, tensor.asLongs());
        }
    }

    @Property
    void unsignedIntegersKeepTheirValues(@ForAll byte small, @ForAll short middle, @ForAll int large) {
        long[] one = {1};
        assertEquals(small & 0xFF, Tensor.uint8(one, small & 0xFF).asInts()[0]);
        assertEquals(middle & 0xFFFF, Tensor.uint16(one, middle & 0xFFFF).asInts()[0]);
        assertEquals(large & 0xFFFFFFFFL, Tensor.uint32(one, large & 0xFFFFFFFFL).asLongs()[0]);
    }

    @Test
    void everyHalfIsAFloatAndBack() {
        for (int bits = 0; bits <= 0xFFFF; bits++) {
            assertEquals((short) bits, Float16.fromFloat(Float16.toFloat((short) bits)));
        }
    }

    @Property
    void aFloatBecomesTheNearestHalf(@ForAll("halfSized") float value) {
        short found = Float16.fromFloat(value);
        double error = Math.abs((double) Float16.toFloat(found) - value);
        for (int step : new int[] {-1, 1}) {
            short neighbour = (short) (found + step);
            if ((neighbour & 0x7FFF) <= 0x7BFF) {
                double other = Math.abs((double) Float16.toFloat(neighbour) - value);
                assertTrue(error < other || (error == other && (found & 1) == 0), value + " is nearer to a neighbour");
            }
        }
    }

    @Provide
    Arbitrary<Float> halfSized() {
        return Arbitraries.oneOf(
                Arbitraries.integers().map(Float::intBitsToFloat).filter(value -> Math.abs(value) < 65520),
                // Halfway between two.
                Arbitraries.integers().between(0, 0x7BFE).map(bits ->
                        (Float16.toFloat(bits.shortValue()) + Float16.toFloat((short) (bits + 1))) / 2));
    }

    @Test
    void halvesOverflowToInfinityAndKeepNan() {
        assertArrayEquals(
                new float[] {Float.POSITIVE_INFINITY, 65504, Float.NEGATIVE_INFINITY, -0.0f},
                Tensor.float16(new long[] {4}, 65520, 65519, Float.NEGATIVE_INFINITY, -1e-9f).asFloats());
        assertTrue(Float.isNaN(Float16.toFloat(Float16.fromFloat(Float.intBitsToFloat(0x7F800001)))));
    }

    @Test
    void rowsAreTables() {
        assertEquals(
                Tensor.float64(new long[] {2, 2}, 1, 2, 3, 4), Tensor.of(new double[][] {{1, 2}, {3, 4}}));
        assertEquals(Tensor.float32(new long[] {1, 2}, 1, 2), Tensor.of(new float[][] {{1, 2}}));
        assertEquals(Tensor.int64(new long[] {2, 1}, 1, 2), Tensor.of(new long[][] {{1}, {2}}));
        assertEquals(Tensor.int32(new long[] {2, 0}), Tensor.of(new int[][] {{}, {}}));
        assertEquals(Tensor.str(new long[] {0, 0}), Tensor.of(new String[0][0]));
    }

    @Test
    void aTensorDoesNotFollowItsSources() {
        double[] values = {1, 2};
        long[] shape = {2};
        Tensor tensor = Tensor.float64(shape, values);
        values[0] = 3;
        shape[0] = 4;
        tensor.shape()[0] = 5;
        assertEquals(Tensor.of(1.0, 2.0), tensor);
    }

    @Test
    void zeroAndMinusZeroAreDifferentTensors() {
        assertNotEquals(Tensor.of(0.0), Tensor.of(-0.0));
        assertNotEquals(Tensor.of(1), Tensor.of(1L));
        assertNotEquals(Tensor.int32(SINGLE, 1), Tensor.of(1));
    }

    @Test
    void textsAndBytesAreReadAsEachOtherWhereTheyAreUtf8() {
        byte[] bytes = "ü😀".getBytes(StandardCharsets.UTF_8);
        assertEquals(List.of("ü😀"), Tensor.ofBytes(bytes).asStrings());
        assertArrayEquals(bytes, Tensor.of("ü😀").asBytes().get(0));
        assertThrows(IllegalStateException.class, () -> Tensor.ofBytes(new byte[] {(byte) 0xFF}).asStrings());
    }

    static List<Arguments> refusals() {
        return List.of(
                refusal("shape", () -> Tensor.float64(new long[] {2, 2}, 1, 2, 3)),
                refusal("shape", () -> Tensor.float64(new long[] {-1, -1}, 1)),
                refusal("shape", () -> Tensor.int8(new long[] {Long.MAX_VALUE, 2})),
                refusal("shape", () -> Tensor.int8(new long[33])),
                refusal("rows: row 1", () -> Tensor.of(new double[][] {{1}, {1, 2}})),
                refusal("element 1", () -> Tensor.uint8(new long[] {2}, 0, 256)),
                refusal("element 0", () -> Tensor.uint32(new long[] {1}, -1)),
                refusal("element 0", () -> Tensor.of("\ud800")),
                refusal("element 0", () -> Tensor.of(Instant.parse("2262-04-11T23:47:16.854775808Z"))),
                refusal("element 0", () -> Tensor.of(Instant.parse("1677-09-21T00:12:43.145224192Z"))),
                refusal("dtype", () -> Tensor.ofBits(DType.STR, SINGLE, new byte[0])),
                refusal("data", () -> Tensor.ofBits(DType.INT32, new long[] {1}, new byte[3])),
                refusal("data", () -> Tensor.ofBits(DType.BOOL, new long[] {1}, new byte[] {2})));
    }

    private static Arguments refusal(String field, Supplier<Tensor> make) {
        return Arguments.of(field, make);
    }

    @ParameterizedTest
    @MethodSource("refusals")
    void whatIsNoTensorIsRefusedByItsField(String field, Supplier<Tensor> make) {
        String message = assertThrows(IllegalArgumentException.class, make::get).getMessage();
        assertTrue(message.contains(field), message);
    }

    static List<Function<Tensor, Object>> readers() {
        return List.of(
                Tensor::asDoubles, Tensor::asFloats, Tensor::asLongs, Tensor::asInts, Tensor::asBooleans,
                Tensor::asStrings, Tensor::asBytes, Tensor::asInstants);
    }

    @ParameterizedTest
    @MethodSource("readers")
    void noReaderChangesAValue(Function<Tensor, Object> reader) {
        long[] one = {1};
        Map<Tensor, List<Class<?>>> readable = Map.of(
                Tensor.of((1L << 53) + 1), List.of(long[].class),
                Tensor.uint64(one, -1), List.of(),
                Tensor.of(1.5), List.of(double[].class),
                Tensor.of(1 << 30), List.of(double[].class, long[].class, int[].class),
                Tensor.of(true), List.of(boolean[].class),
                Tensor.of("1"), List.of(List.class),
                Tensor.of(Instant.EPOCH), List.of(long[].class, List.class),
                Tensor.ofBits(DType.DATETIME64_NS, one, new byte[] {0, 0, 0, 0, 0, 0, 0, -128}), List.of(long[].class));
        readable.forEach((tensor, classes) -> {
            try {
                Object read = reader.apply(tensor);
                assertTrue(classes.stream().anyMatch(each -> each.isInstance(read)), tensor + " as " + read);
            } catch (IllegalStateException refused) {
                assertTrue(refused.getMessage().contains(Arrays.toString(tensor.shape())), refused.getMessage());
            }
        });
    }
}
