package dev.milepost.client.artifacts;

import dev.milepost.client.calls.Backoff;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.v1.ErrorReason;
import java.time.Duration;
import java.util.Optional;

/** Attempts at one transfer: ends at the deadline, or after several failures in a row without a further byte. */
final class Attempts {
    /** With the delays between them some fifteen seconds: a server may be started anew meanwhile. */
    private static final int MAX_FAILURES = 10;

    private static final Duration LONGEST_DELAY = Duration.ofSeconds(5);

    private final Deadline deadline;
    private final boolean retries;
    private int failures;
    private long furthest;

    Attempts(Deadline deadline, boolean retries) {
        this.deadline = deadline;
        this.retries = retries;
    }

    Deadline deadline() {
        return deadline;
    }

    /**
     * How long to wait before the next attempt, if there is one.
     *
     * @param error what ended the last one
     * @param position bytes done for good
     */
    Optional<Duration> delay(MilepostException error, long position) {
        if (position > furthest) {
            furthest = position;
            failures = 0;
        }
        failures++;
        boolean mayHelp = error.isRetriable() || error.reason() == ErrorReason.ERROR_REASON_OFFSET_MISMATCH;
        if (!retries || !mayHelp || failures >= MAX_FAILURES) {
            return Optional.empty();
        }
        Duration delay = Backoff.delay(failures, error, LONGEST_DELAY);
        return deadline.isBefore(delay) ? Optional.empty() : Optional.of(delay);
    }
}
