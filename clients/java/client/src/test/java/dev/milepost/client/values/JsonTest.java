package dev.milepost.client.values;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {
    @Provide
    Arbitrary<Object> values() {
        Arbitrary<String> texts = Arbitraries.strings().ofMaxLength(8); // halves of surrogate pairs too
        Arbitrary<Object> scalars = Arbitraries.oneOf(
                texts.asGeneric(),
                Arbitraries.longs().asGeneric(),
                Arbitraries.longs().map(Double::longBitsToDouble).filter(Double::isFinite).asGeneric(),
                Arbitraries.of(true, false, null, new BigInteger("9".repeat(30))));
        return Arbitraries.recursive(
                () -> scalars,
                inner -> Arbitraries.oneOf(
                        inner,
                        inner.list().ofMaxSize(4).asGeneric(),
                        Arbitraries.maps(texts, inner).ofMaxSize(4).asGeneric()),
                0,
                3);
    }

    @Property(tries = 500)
    void whatIsWrittenIsReadAsTheSame(@ForAll("values") Object value) {
        assertEquals(value, Json.read(Json.write(value)));
        assertEquals(value, Json.read(Json.document(value)));
    }

    @Property(tries = 500)
    void whatIsWrittenHasAnUtf8Form(@ForAll("values") Object value) {
        assertTrue(StandardCharsets.UTF_8.newEncoder().canEncode(Json.write(value)));
    }

    @Property(tries = 1000)
    void anyTextIsReadOrRefused(@ForAll("documents") String text) {
        try {
            Json.read(text);
        } catch (IllegalArgumentException refused) {
            assertTrue(refused.getMessage().startsWith("unreadable JSON: "), refused.getMessage());
        }
    }

    @Provide
    Arbitrary<String> documents() {
        return Arbitraries.strings().withChars("[]{}\":,\\u0e.-+ truefalsn19").ofMaxLength(12);
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "", "{", "[1,]", "{\"a\":1,}", "{\"a\"}", "[1 2]", "{a:1}", "'a'", "\"\\x\"", "\"\\'\"", "\"\\u12\"", "\"",
        "\"\\u12g4\"", "01", "1.", "+1", "NaN", "nul", "True", "[] []", "[1] 2", "\"\t\"", "\"\n\"", "[]\0", "1//"
    })
    void whatIsNoJsonIsRefused(String text) {
        assertThrows(IllegalArgumentException.class, () -> Json.read(text));
    }

    @Test
    void aRefusalSaysWhatAndWhereInOneLine() {
        assertEquals("unreadable JSON: malformed at line 2 column 4 path $.a[1].", refusal("{\"a\":\n[1,x]}"));
        assertEquals("unreadable JSON: the key $.a.b is there twice.", refusal("{\"a\": {\"b\": 1, \"b\": 1}}"));
    }

    private static String refusal(String text) {
        return assertThrows(IllegalArgumentException.class, () -> Json.readUnambiguous(text))
                .getMessage();
    }

    @Test
    void theLastOfEqualKeysCountsWhereTheyAreAllowed() {
        assertEquals(Map.of("a", 2L), Json.read("{\"a\": 1, \"a\": 2}"));
    }

    @ParameterizedTest
    @ValueSource(ints = {2_000, 1_000_000})
    void deepNestingAndLongNumbersAreRefused(int length) {
        for (String start : List.of("[", "{\"a\":", "1")) {
            assertThrows(IllegalArgumentException.class, () -> Json.read(start.repeat(length)), start);
        }
    }

    @Test
    void whatIsAsDeepAsMayBeIsWrittenAndRead() {
        Object deep = 1L;
        for (int depth = 0; depth < Json.MAX_DEPTH; depth++) {
            deep = List.of(deep);
        }
        assertEquals(deep, Json.read(Json.write(deep)));
        List<Object> deeper = List.of(deep);
        assertThrows(IllegalArgumentException.class, () -> Json.write(deeper));
        assertThrows(IllegalArgumentException.class, () -> Json.read("[" + Json.write(deeper.get(0)) + "]"));
    }

    @Test
    void numbersAreWholeOrDoublesAsTheirTextSays() {
        assertEquals(
                List.of(0L, Long.MIN_VALUE, BigInteger.ONE.shiftLeft(63), 1.0, 100.0, -0.0),
                Json.read("[-0, -9223372036854775808, 9223372036854775808, 1.0, 1e2, -0.0]"));
        assertEquals(List.of((1L << 53) + 1, 0.1, Double.MIN_VALUE), Json.read("[9007199254740993,0.1,4.9e-324]"));
    }

    @Test
    void listsArraysAndMapsAreWrittenWithoutSpaces() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("b\n", Arrays.asList(1, null, "é😀", new StringBuilder("</&'>")));
        map.put("a", new int[][] {{1}, {}});
        map.put("\ud800", List.of(0.5f, (byte) 1, new BigDecimal("0.10000000000000000000001")));
        assertEquals(
                "{\"b\\n\":[1,null,\"é😀\",\"</&'>\"],\"a\":[[1],[]],"
                        + "\"\\ud800\":[0.5,1,0.10000000000000000000001]}",
                Json.write(map));
    }

    @Test
    void equalValuesAreEqualDocuments() {
        assertEquals(
                "{\n  \"a\": [],\n  \"b\": [\n    1\n  ],\n  \"c\": {}\n}\n",
                Json.document(Map.of("c", Map.of(), "b", new long[] {1}, "a", List.of())));
    }

    @Test
    void whatJsonCannotHoldIsRefused() {
        List<Object> cycle = new ArrayList<>();
        cycle.add(cycle);
        for (Object wrong : List.of(Double.NaN, Float.POSITIVE_INFINITY, Map.of(1, 2), new Date(), 'c', cycle)) {
            assertThrows(IllegalArgumentException.class, () -> Json.write(List.of(wrong)));
        }
    }

    @Test
    void whatIsReadCannotBeChanged() {
        List<?> read = (List<?>) Json.read("[{}, []]");
        assertThrows(UnsupportedOperationException.class, read::clear);
        assertThrows(UnsupportedOperationException.class, () -> ((Map<?, ?>) read.get(0)).remove("a"));
        assertThrows(UnsupportedOperationException.class, () -> ((List<?>) read.get(1)).remove("a"));
    }
}
