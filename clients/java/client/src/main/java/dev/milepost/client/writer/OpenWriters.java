package dev.milepost.client.writer;

import dev.milepost.client.calls.ExitHook;
import java.util.List;

/** The open writers of this JVM, which are closed when it ends. */
final class OpenWriters {
    private static final ExitHook<Delivery> OPEN = new ExitHook<>("milepost-exit", OpenWriters::closeAll);

    private OpenWriters() {}

    static void add(Delivery writer) {
        OPEN.add(writer);
    }

    static void remove(Delivery writer) {
        OPEN.remove(writer);
    }

    private static void closeAll(List<Delivery> writers) {
        writers.forEach(writer -> writer.leave(writer.options().exitTimeout()));
        for (Delivery writer : writers) {
            writer.join(writer.options().exitTimeout());
            // Loggers may be closed by now.
            writer.leftBehind().ifPresent(text -> System.err.println("milepost: " + text));
        }
    }
}
