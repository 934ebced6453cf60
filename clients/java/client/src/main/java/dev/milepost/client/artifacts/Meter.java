package dev.milepost.client.artifacts;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Adds up the progress of several files for one listener. */
final class Meter {
    private final TransferProgress listener;
    private final long total;
    private final Map<String, Long> files = new HashMap<>();
    private long done;

    Meter(Optional<TransferProgress> listener, long total) {
        this.listener = listener.orElse(null);
        this.total = total;
    }

    /** A meter that nobody reads. */
    static Meter none() {
        return new Meter(Optional.empty(), 0);
    }

    /** The file at a path stands at so many bytes. */
    synchronized void at(String path, long position) {
        if (listener != null) {
            Long before = files.put(path, position);
            done += position - (before == null ? 0 : before);
            listener.moved(done, total);
        }
    }
}
