package dev.milepost.client.artifacts;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.errors.InvalidArgumentException;
import java.nio.file.Path;
import java.util.Optional;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LocalFilesTest {
    private static final Path ROOT = Path.of("down", "here");

    @ParameterizedTest
    @ValueSource(strings = {"", ".", "..", "/", "/etc/passwd", "a/../../b", "a//b", "a/", "..\\b", "a\\b", "a\0b"})
    void pathsThatLeaveTheDestinationAreRefused(String path) {
        assertThrows(InvalidArgumentException.class, () -> LocalFiles.target(ROOT, path, false));
        assertThrows(InvalidArgumentException.class, () -> LocalFiles.target(ROOT, path, true));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "C:/x", "c:", "a:stream", "NUL", "sub/con.txt", "Com1", "lpt9.tar.gz", "COM\u00b9", "aux .txt", "x.",
                "x ", ".. ", "...", "a<b", "a|b", "a?", "a*", "a\"", "a\nb", "CONIN$"
            })
    void namesThatWindowsReadsOtherwiseAreRefusedThereOnly(String path) {
        assertThrows(InvalidArgumentException.class, () -> LocalFiles.target(ROOT, path, true));
        assertTrue(LocalFiles.target(ROOT, path, false).startsWith(ROOT));
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "a/b.txt", "con1", "nul_", "..a", ".hidden", "com10", "Größe/日本", "a..b"})
    void plainNamesGoBelowTheDestination(String path) {
        assertEquals(ROOT.resolve(path), LocalFiles.target(ROOT, path, true));
    }

    @Test
    void whatIsNotInTheDirectoryAskedForIsRefused() {
        assertEquals(ROOT.resolve("x"), LocalFiles.target(ROOT, "model", "model/x"));
        assertThrows(InvalidArgumentException.class, () -> LocalFiles.target(ROOT, "model", "other/x"));
        assertThrows(InvalidArgumentException.class, () -> LocalFiles.target(ROOT, "model", "models/x"));
        assertThrows(InvalidArgumentException.class, () -> LocalFiles.target(ROOT, "model", "m"));
    }

    @Property
    void theResultIsAlwaysBelowTheDestination(@ForAll("paths") String path, @ForAll boolean windows) {
        Optional<Path> target = accepted(path, windows);
        target.ifPresent(found -> {
            assertTrue(found.normalize().startsWith(ROOT));
            assertTrue(found.normalize().getNameCount() > ROOT.getNameCount());
            assertEquals(found, found.normalize());
        });
    }

    @Provide
    Arbitrary<String> paths() {
        Arbitrary<String> odd = Arbitraries.of("..", ".", "", "/", "\\", "C:", "nul", " ", "\0", "~", "%2e%2e");
        Arbitrary<String> part = Arbitraries.oneOf(odd, Arbitraries.strings().ofMaxLength(5));
        return part.list().ofMaxSize(6).flatMap(parts -> Arbitraries.of("", "/").map(glue -> String.join(glue, parts)));
    }

    private static Optional<Path> accepted(String path, boolean windows) {
        try {
            return Optional.of(LocalFiles.target(ROOT, path, windows));
        } catch (InvalidArgumentException refused) {
            return Optional.empty();
        }
    }
}
