package dev.milepost.client.artifacts;

import java.time.Duration;
import java.util.Optional;

/** When a whole transfer must be done, if there is such a time. */
final class Deadline {
    /** How long one attempt may take; the next one goes on where it stopped. */
    private static final Duration ATTEMPT = Duration.ofSeconds(600);

    private static final Duration SHORTEST = Duration.ofMillis(1);

    private final long atNanos;
    private final boolean bounded;

    Deadline(Optional<Duration> timeout) {
        bounded = timeout.isPresent();
        atNanos = System.nanoTime() + timeout.orElse(Duration.ZERO).toNanos();
    }

    static Deadline never() {
        return new Deadline(Optional.empty());
    }

    /** How long the next attempt may take. */
    Duration attempt() {
        return most(ATTEMPT);
    }

    /** The time given, or what is left of it. */
    Duration most(Duration wanted) {
        if (!bounded) {
            return wanted;
        }
        Duration left = Duration.ofNanos(atNanos - System.nanoTime());
        Duration shorter = left.compareTo(wanted) < 0 ? left : wanted;
        return shorter.compareTo(SHORTEST) < 0 ? SHORTEST : shorter;
    }

    /** Whether the time is up before so much of it has passed. */
    boolean isBefore(Duration delay) {
        return bounded && System.nanoTime() + delay.toNanos() - atNanos >= 0;
    }
}
