package dev.milepost.client.writer;

import dev.milepost.client.calls.Backoff;
import dev.milepost.client.errors.CancelledException;
import dev.milepost.client.errors.FailedPreconditionException;
import dev.milepost.client.errors.InternalException;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.client.errors.PermissionDeniedException;
import dev.milepost.client.errors.UnauthenticatedException;
import dev.milepost.client.errors.UnknownException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** When to try again: at once, until something fails. For one thread. */
final class Retry {
    private static final Duration LONGEST_DELAY = Duration.ofSeconds(30);
    private static final long HURRIED_DELAY_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final int DEFECT_ATTEMPTS = 5;
    /** Takes about a second. */
    private static final int MANY = 5;

    private int failures;
    private long failedAt;
    private long delayNanos;

    /** {@return whether every part of a request would be refused like the whole} */
    static boolean concernsAll(MilepostException error) {
        return error instanceof FailedPreconditionException
                || error instanceof NotFoundException
                || error instanceof PermissionDeniedException;
    }

    /** {@return whether it is likely that the server is away, and not merely started anew} */
    boolean failedOften() {
        return failures >= MANY;
    }

    /** Notes a failure. Returns whether to try again at all. */
    boolean failed(MilepostException error) {
        failures++;
        if (!error.isRetriable() && !mayPass(error)) {
            return false;
        }
        failedAt = System.nanoTime();
        delayNanos = Backoff.delay(failures, error, LONGEST_DELAY).toNanos();
        return true;
    }

    /** Forgets all failures. */
    void succeeded() {
        failures = 0;
        delayNanos = 0;
    }

    /** {@return nanoseconds until the next attempt; 0 or less: now. While somebody waits, delays are at most 1 s} */
    long waitNanos(boolean hurried) {
        if (delayNanos == 0) {
            return 0;
        }
        long delay = hurried ? Math.min(delayNanos, HURRIED_DELAY_NANOS) : delayNanos;
        return failedAt + delay - System.nanoTime();
    }

    /**
     * Whether it may pass, though the server does not say so: a defect of the server or of a proxy for some attempts, a
     * token that has expired for as long as no other comes, since the points are good.
     */
    private boolean mayPass(MilepostException error) {
        boolean isDefect = error instanceof CancelledException
                || error instanceof InternalException
                || error instanceof UnknownException;
        return error instanceof UnauthenticatedException || (isDefect && failures < DEFECT_ATTEMPTS);
    }
}
