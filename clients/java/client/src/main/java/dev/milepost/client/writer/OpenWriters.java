package dev.milepost.client.writer;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The open writers of this JVM, and the one hook that closes them when it ends. Without an open writer there is no
 * hook, so that class loaders of finished jobs can go.
 */
final class OpenWriters {
    private static final Set<Delivery> OPEN = new LinkedHashSet<>();
    private static Thread hook;

    private OpenWriters() {}

    static synchronized void add(Delivery writer) {
        OPEN.add(writer);
        if (hook == null) {
            Thread made = new Thread(OpenWriters::closeAll, "milepost-exit");
            try {
                Runtime.getRuntime().addShutdownHook(made);
                hook = made;
            } catch (IllegalStateException ending) {
                // Points are sent for as long as the JVM lasts.
            }
        }
    }

    static synchronized void remove(Delivery writer) {
        OPEN.remove(writer);
        if (OPEN.isEmpty() && hook != null) {
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
                hook = null;
            } catch (IllegalStateException ending) {
                // The hook runs.
            }
        }
    }

    private static void closeAll() {
        List<Delivery> writers;
        synchronized (OpenWriters.class) {
            writers = List.copyOf(OPEN);
        }
        writers.forEach(writer -> writer.leave(writer.options().exitTimeout()));
        for (Delivery writer : writers) {
            writer.join(writer.options().exitTimeout());
            // Loggers may be closed by now.
            writer.leftBehind().ifPresent(text -> System.err.println("milepost: " + text));
        }
    }
}
