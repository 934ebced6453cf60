package dev.milepost.client.writer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The spool files that this JVM holds. Closing any channel of a file frees the JVM's locks on it, so none of these may
 * be opened. They are noted in a system property, since several class loaders may have this class, as in Flink.
 */
final class OpenSpools {
    private static final String PROPERTY = "dev.milepost.client.spools";
    private static final String SEPARATOR = "\n";

    private OpenSpools() {}

    /** Notes a file, by its real path. Returns false when it is held already. */
    static boolean add(String path) {
        AtomicBoolean isNew = new AtomicBoolean();
        System.getProperties().compute(PROPERTY, (name, held) -> {
            List<String> paths = paths(held);
            isNew.set(!paths.contains(path));
            if (isNew.get()) {
                paths.add(path);
            }
            return String.join(SEPARATOR, paths);
        });
        return isNew.get();
    }

    /** Forgets a file, whose channel is closed. */
    static void remove(String path) {
        System.getProperties().compute(PROPERTY, (name, held) -> {
            List<String> paths = paths(held);
            paths.remove(path);
            return paths.isEmpty() ? null : String.join(SEPARATOR, paths);
        });
    }

    private static List<String> paths(Object held) {
        return held == null ? new ArrayList<>() : new ArrayList<>(Arrays.asList(((String) held).split(SEPARATOR)));
    }
}
