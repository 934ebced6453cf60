package dev.milepost.client.tracking;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.v1.ParamValue;
import dev.milepost.v1.ParamValue.KindCase;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class ParamValuesTest {
    @Property(tries = 500)
    void whatIsWrittenIsRead(@ForAll("values") Object value) {
        assertEquals(value, ParamValues.toObject(ParamValues.of(value)));
    }

    @Property(tries = 500)
    void doublesKeepAllBits(@ForAll long bits) {
        Object read = ParamValues.toObject(ParamValues.of(Double.longBitsToDouble(bits)));
        assertEquals(bits, Double.doubleToRawLongBits((Double) read));
    }

    @Provide
    Arbitrary<Object> values() {
        Arbitrary<Object> scalars = Arbitraries.oneOf(
                Arbitraries.strings().filter(text -> text.codePoints().noneMatch(ParamValuesTest::isSurrogate)),
                Arbitraries.longs(),
                Arbitraries.of(true, false));
        Arbitrary<Object> inJson = Arbitraries.oneOf(
                Arbitraries.strings(),
                Arbitraries.longs(),
                Arbitraries.bigIntegers().between(BigInteger.ONE.shiftLeft(64), BigInteger.ONE.shiftLeft(200)),
                Arbitraries.longs().map(Double::longBitsToDouble).filter(Double::isFinite),
                Arbitraries.of(true, false));
        Arbitrary<Object> nested = Arbitraries.lazyOf(
                () -> inJson.injectNull(0.1),
                () -> inJson.injectNull(0.1).list().ofMaxSize(4).map(list -> (Object) list),
                () -> Arbitraries.maps(Arbitraries.strings().ofMaxLength(3), inJson.injectNull(0.1))
                        .ofMaxSize(4)
                        .map(map -> (Object) map));
        Arbitrary<Object> documents = nested.list().ofMaxSize(4).map(list -> (Object) list);
        return Arbitraries.oneOf(scalars, documents);
    }

    @Test
    void kindsFollowTheClassOfTheValue() {
        assertEquals(KindCase.STRING_VALUE, ParamValues.of("4").getKindCase());
        assertEquals(KindCase.INT_VALUE, ParamValues.of((short) 4).getKindCase());
        assertEquals(Long.MIN_VALUE, ParamValues.of(BigInteger.valueOf(Long.MIN_VALUE)).getIntValue());
        assertEquals((double) 0.1f, ParamValues.of(0.1f).getDoubleValue());
        assertEquals(KindCase.BOOL_VALUE, ParamValues.of(true).getKindCase());
        assertEquals("null", ParamValues.of((Object) null).getJsonValue());
    }

    @Test
    void listsArraysAndMapsBecomeJsonWithoutSpaces() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("a\n", Arrays.asList(1, null, "é😀"));
        map.put("\ud800", new int[][] {{1}, {}});
        assertEquals(
                "{\"a\\n\":[1,null,\"é😀\"],\"\\ud800\":[[1],[]]}",
                ParamValues.of((Object) map).getJsonValue());
        assertEquals("[1.5,-0.0]", ParamValues.of(List.of(1.5, -0.0)).getJsonValue());
    }

    @Test
    void whatIsNoParamIsRefusedByName() {
        List<Object> cycle = new ArrayList<>();
        cycle.add(cycle);
        List<Object> inJson = List.of(List.of(Double.NaN), Map.of(1, 2), List.of(new Date()), cycle);
        List<Object> alone = List.of(new Date(), BigInteger.TWO.pow(63), "\ud83d");
        for (Object wrong : Stream.concat(alone.stream(), inJson.stream()).toList()) {
            IllegalArgumentException error =
                    assertThrows(IllegalArgumentException.class, () -> ParamValues.of("depth", wrong));
            assertTrue(error.getMessage().startsWith("param 'depth': "), error.getMessage());
        }
    }

    @Test
    void aParamWhoseTextIsNoJsonIsRefused() {
        ParamValue param = ParamValue.newBuilder().setJsonValue("[1,]").build();
        assertThrows(IllegalArgumentException.class, () -> ParamValues.toObject(param));
    }

    private static boolean isSurrogate(int point) {
        return point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE;
    }
}
