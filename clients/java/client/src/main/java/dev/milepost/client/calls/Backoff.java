package dev.milepost.client.calls;

import dev.milepost.client.errors.MilepostException;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/** How long to wait before another attempt. */
public final class Backoff {
    private static final long FIRST_MS = 100;

    private Backoff() {}

    /**
     * {@return a delay that doubles with each failure, with jitter, and is never less than the server advised}
     *
     * @param failures failures in a row, from 1
     * @param error the last one
     * @param longest the delay that doubling stops at
     */
    public static Duration delay(int failures, MilepostException error, Duration longest) {
        long doubled = Math.min(FIRST_MS << Math.min(failures - 1, 20), longest.toMillis());
        Duration delay = Duration.ofMillis((long) (doubled * ThreadLocalRandom.current().nextDouble(0.5, 1.0)));
        Duration advised = error.retryAfter().orElse(Duration.ZERO);
        return advised.compareTo(delay) > 0 ? advised : delay;
    }
}
