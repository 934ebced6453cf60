package dev.milepost.client.writer;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** Settings that the environment chooses, by the same rules as in the Python client. */
final class Environment {
    static final long DEFAULT_SPOOL_BYTES = 1L << 30;

    private static final Set<String> TRUE = Set.of("1", "true", "yes", "on");
    private static final Set<String> FALSE = Set.of("", "0", "false", "no", "off");

    private Environment() {}

    static Path spoolFolder() {
        return spoolFolder(System.getenv(), System.getProperty("os.name"), Path.of(System.getProperty("user.home")));
    }

    static Path spoolFolder(Map<String, String> variables, String system, Path home) {
        String chosen = variables.getOrDefault("MILEPOST_SPOOL_DIR", "");
        if (!chosen.isEmpty()) {
            return Path.of(chosen);
        }
        Path caches;
        if (system.startsWith("Windows")) {
            caches = folder(variables, "LOCALAPPDATA", home.resolve("AppData").resolve("Local"));
        } else if (system.startsWith("Mac")) {
            caches = home.resolve("Library").resolve("Caches");
        } else {
            caches = folder(variables, "XDG_CACHE_HOME", home.resolve(".cache"));
        }
        return caches.resolve("milepost").resolve("spool");
    }

    static long spoolBytes() {
        return spoolBytes(System.getenv());
    }

    static long spoolBytes(Map<String, String> variables) {
        String value = variables.getOrDefault("MILEPOST_SPOOL_BYTES", "").strip();
        if (value.isEmpty()) {
            return DEFAULT_SPOOL_BYTES;
        }
        if (!value.matches("[0-9]{1,18}")) {
            throw new IllegalArgumentException(
                    "MILEPOST_SPOOL_BYTES: '" + value + "' is no number of bytes. Set it to digits only.");
        }
        return Long.parseLong(value);
    }

    static boolean strict() {
        return strict(System.getenv());
    }

    static boolean strict(Map<String, String> variables) {
        String value = variables.getOrDefault("MILEPOST_STRICT", "").strip().toLowerCase(Locale.ROOT);
        if (TRUE.contains(value)) {
            return true;
        }
        if (FALSE.contains(value)) {
            return false;
        }
        throw new IllegalArgumentException(
                "MILEPOST_STRICT: '" + value + "' is neither true nor false. Set it to 1 or 0.");
    }

    private static Path folder(Map<String, String> variables, String name, Path otherwise) {
        String value = variables.getOrDefault(name, "");
        return value.isEmpty() ? otherwise : Path.of(value);
    }
}
