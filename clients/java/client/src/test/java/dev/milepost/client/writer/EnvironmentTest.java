package dev.milepost.client.writer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

class EnvironmentTest {
    private static final Path HOME = Path.of("/home/me");

    @Test
    void theSpoolFolderIsThatOfThePythonClient() {
        assertEquals(HOME.resolve(".cache/milepost/spool"), Environment.spoolFolder(Map.of(), "Linux", HOME));
        assertEquals(
                Path.of("/c/milepost/spool"), Environment.spoolFolder(Map.of("XDG_CACHE_HOME", "/c"), "Linux", HOME));
        assertEquals(
                HOME.resolve("Library/Caches/milepost/spool"), Environment.spoolFolder(Map.of(), "Mac OS X", HOME));
        assertEquals(
                HOME.resolve("AppData/Local/milepost/spool"), Environment.spoolFolder(Map.of(), "Windows 11", HOME));
        assertEquals(
                Path.of("/x"),
                Environment.spoolFolder(Map.of("MILEPOST_SPOOL_DIR", "/x", "XDG_CACHE_HOME", "/c"), "Linux", HOME));
    }

    @Test
    void numbersAndFlagsAreReadOrRefused() {
        assertEquals(1L << 30, Environment.spoolBytes(Map.of()));
        assertEquals(0, Environment.spoolBytes(Map.of("MILEPOST_SPOOL_BYTES", " 0 ")));
        assertThrows(
                IllegalArgumentException.class, () -> Environment.spoolBytes(Map.of("MILEPOST_SPOOL_BYTES", "1GiB")));
        assertFalse(Environment.strict(Map.of()));
        assertTrue(Environment.strict(Map.of("MILEPOST_STRICT", "Yes")));
        assertThrows(IllegalArgumentException.class, () -> Environment.strict(Map.of("MILEPOST_STRICT", "maybe")));
    }
}
