package dev.milepost.client.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {
    @Provide
    Arbitrary<Object> values() {
        Arbitrary<String> texts = Arbitraries.strings().ofMaxLength(8).filter(JsonTest::hasUtf8);
        Arbitrary<Object> scalars = Arbitraries.oneOf(
                texts.asGeneric(),
                Arbitraries.longs().asGeneric(),
                Arbitraries.doubles().asGeneric(),
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

    private static boolean hasUtf8(String text) {
        return text.codePoints().noneMatch(point -> point >= 0xd800 && point <= 0xdfff);
    }

    @Property(tries = 300)
    void whatIsWrittenIsReadAsTheSame(@ForAll("values") Object value) {
        Object plain = Plain.copyOf(value, "value");
        assertEquals(plain, JsonReader.read(JsonWriter.line(plain), "line"));
        assertEquals(plain, JsonReader.read(JsonWriter.document(plain), "document"));
    }

    @Property(tries = 1000)
    void anyTextIsReadOrRefused(@ForAll String text) {
        try {
            JsonReader.read(text, "text");
        } catch (ModelFormatException refused) {
            assertEquals("text is not JSON", refused.getMessage().substring(0, 16));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "", "{", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "[1 2]", "{a:1}", "\"\\x\"", "\"\\u12\"", "\"", "01", "1.",
        "+1", "NaN", "nul", "[] []", "\"\t\"", "[]\0"
    })
    void whatIsNoJsonIsRefused(String text) {
        assertThrows(ModelFormatException.class, () -> JsonReader.read(text, "text"));
    }

    @ParameterizedTest
    @ValueSource(ints = {1_000, 1_000_000})
    void deepNestingAndLongNumbersAreRefused(int length) {
        assertThrows(ModelFormatException.class, () -> JsonReader.read("[".repeat(length), "text"));
        assertThrows(ModelFormatException.class, () -> JsonReader.read("1".repeat(length), "text"));
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "{}", "{\"flavors\": []}", "{\"flavors\": {}, \"signature\": 1}", "{\"flavors\": {\"f\": 1}}",
        "{\"flavors\": {}, \"signature\": {\"inputs\": \"{}\"}}",
        "{\"flavors\": {}, \"signature\": {\"inputs\": \"[]\"}}",
        "{\"flavors\": {}, \"signature\": {\"inputs\": \"[{\\\"type\\\": \\\"text\\\"}]\"}}",
    })
    void aDescriptorThatIsWrongIsRefusedByName(String text) {
        ModelFormatException refused = assertThrows(ModelFormatException.class, () -> {
            Map<String, Object> keys = Fields.mapping(JsonReader.read(text, "MLmodel"), "MLmodel");
            new ModelFolder(null, List.of(), keys);
        });
        assertEquals("MLmodel: ", refused.getMessage().substring(0, 9));
    }
}
