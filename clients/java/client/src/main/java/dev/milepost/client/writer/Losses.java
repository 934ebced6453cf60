package dev.milepost.client.writer;

import dev.milepost.client.errors.MilepostException;
import dev.milepost.v1.ErrorReason;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** What a writer could not store: counted always, logged once for each reason. Safe to use from all threads. */
final class Losses {
    private static final System.Logger LOG = System.getLogger(MetricWriter.class.getName());

    private final Set<String> warned = new HashSet<>();
    private final Map<String, String> examples = new LinkedHashMap<>();
    private Throwable first;
    private long refused;
    private long dropped;

    /**
     * What was lost since the last report.
     *
     * @param examples a text for each reason
     * @param first the first error, or null
     */
    record Report(List<String> examples, Throwable first) {
        boolean isEmpty() {
            return examples.isEmpty();
        }

        /** {@return this and something else that is to be said first} */
        Report with(String problem) {
            return new Report(Stream.concat(Stream.of(problem), examples.stream()).toList(), first);
        }
    }

    /** Notes what was refused for good by the server, or by this client. */
    void refuse(String what, long values, RuntimeException error) {
        String reason = reason(error);
        String text = "Refused: " + what + ": " + error.getMessage();
        boolean isNew;
        synchronized (this) {
            refused += values;
            isNew = note(reason, text, error);
        }
        if (isNew) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    text + " Further points refused for the same reason (" + reason + ") are only counted.");
        }
    }

    /** Notes points that found no room. */
    void drop(String reason, String why, long values) {
        boolean isNew;
        synchronized (this) {
            dropped += values;
            isNew = note(reason, why, null);
        }
        if (isNew) {
            LOG.log(System.Logger.Level.WARNING, why + " How many is counted.");
        }
    }

    /** {@return an example for each reason since the last call} */
    synchronized Report take() {
        Report report = new Report(new ArrayList<>(examples.values()), first);
        examples.clear();
        first = null;
        return report;
    }

    /** {@return how many values were refused} */
    synchronized long refused() {
        return refused;
    }

    /** {@return how many values found no room} */
    synchronized long dropped() {
        return dropped;
    }

    private boolean note(String reason, String text, Throwable error) {
        examples.putIfAbsent(reason, text);
        if (first == null) {
            first = error;
        }
        return warned.add(reason);
    }

    private static String reason(RuntimeException error) {
        if (error instanceof MilepostException known && known.reason() != ErrorReason.ERROR_REASON_UNSPECIFIED) {
            return known.reason().name().replace("ERROR_REASON_", "");
        }
        return error.getClass().getSimpleName();
    }
}
