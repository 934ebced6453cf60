package dev.milepost.client.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.AlphaChars;
import net.jqwik.api.constraints.Chars;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.StringLength;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelUriTest {
    private static final String ID = "m-0123456789abcdef0123456789abcdef";

    @Test
    void eachFormIsTakenApart() {
        assertEquals(new ModelUri.OfVersion("fraud", 7), ModelUri.parse("models:/fraud/7"));
        assertEquals(new ModelUri.OfAlias("fraud", "champion"), ModelUri.parse("models:/fraud@champion"));
        assertEquals(new ModelUri.OfAlias("fraud", "latest"), ModelUri.parse("models:/fraud/latest"));
        assertEquals(new ModelUri.OfLoggedModel(ID), ModelUri.parse("models:/" + ID));
        assertEquals(new ModelUri.OfVersion(ID, 1), ModelUri.parse("models:/" + ID + "/1"));
        assertEquals(new ModelUri.OfRun("r1", "models/a b"), ModelUri.parse("runs:/r1/models/a b"));
        assertEquals(new ModelUri.OfUrl("s3://bucket/model"), ModelUri.parse("s3://bucket/model"));
    }

    @Property(tries = 200)
    void namesAndAliasesOfAllKindsComeBackAsTheyWere(
            @ForAll @AlphaChars @Chars({'ö', ' ', '\'', '.', '%', '\\'}) @StringLength(min = 1, max = 30) String text,
            @ForAll @LongRange(min = 1, max = 999_999_999_999_999_999L) long version,
            @ForAll @AlphaChars @Chars({'_', '-'}) @StringLength(min = 1, max = 30) String alias) {
        String name = "n" + text;
        ModelUri byVersion = new ModelUri.OfVersion(name, version);
        assertEquals(byVersion, ModelUri.parse(byVersion.toString()));
        ModelUri byAlias = new ModelUri.OfAlias(name, "a" + alias);
        assertEquals(byAlias, ModelUri.parse(byAlias.toString()));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "", " ", "fraud", "models:fraud/1", "models://fraud/1", "models:/fraud", "models:/fraud/",
                "models:/fraud/0", "models:/fraud/1/2", "models:/fraud/LATEST", "models:/fraud@LATEST",
                "models:/fraud@a b", "models:/../1", "models:/a:b/1", "runs:/r1", "runs:/r1/", "runs:/r1/../x",
                "runs:/r1/a//b", "runs:/-r/a", "file:///model", "s3:bucket", "s3://bucket/../model",
                "models:/fraud/1\n", "models:/fraud/9999999999999999999"
            })
    void anythingElseIsRefused(String text) {
        assertThrows(IllegalArgumentException.class, () -> ModelUri.parse(text));
    }

    @ParameterizedTest
    @CsvSource({
        "models:/fraud, models:/fraud/3",
        "models:/fraud@7, models:/fraud/3",
        "models:/fraud/Production, models:/fraud@production",
        "models:/fraud/v7, models:/fraud/3",
        "my/folder, LoggedModels.publish"
    })
    void aRefusalSaysWhatToWrite(String text, String instead) {
        String message = assertThrows(IllegalArgumentException.class, () -> ModelUri.parse(text)).getMessage();
        assertTrue(message.contains(instead), message);
    }
}
