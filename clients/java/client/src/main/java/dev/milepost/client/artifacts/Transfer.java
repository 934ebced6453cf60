package dev.milepost.client.artifacts;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.errors.MilepostException;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * One file on its way, over as many streams as it takes. It has no thread of its own: the listeners of the streams do
 * the work whenever gRPC wants bytes or has some.
 *
 * @param <T> what there is in the end
 */
abstract class Transfer<T> {
    /** Ends with the transfer; cancelling it ends the transfer. */
    final CompletableFuture<T> result = new CompletableFuture<>();

    final Calls calls;
    private final Attempts attempts;
    private ClientCall<?, ?> stream;

    Transfer(Calls calls, Deadline deadline) {
        this.calls = calls;
        this.attempts = new Attempts(deadline, calls.settings().retries());
        result.whenComplete((done, error) -> {
            if (error != null) {
                stop();
            }
        });
    }

    final Deadline deadline() {
        return attempts.deadline();
    }

    final boolean isOver() {
        return result.isDone();
    }

    /** Starts the stream of an attempt. Returns false when the transfer is over already. */
    final synchronized <Q, A> boolean begin(ClientCall<Q, A> call, ClientCall.Listener<A> listener) {
        if (isOver()) {
            return false;
        }
        stream = call;
        call.start(listener, new Metadata());
        return true;
    }

    private synchronized void stop() {
        if (stream != null) {
            stream.cancel("The transfer was given up.", null);
        }
    }

    /**
     * Goes on after a failure, later, or fails for good.
     *
     * @param error the failure
     * @param position bytes done for good
     * @param next the next attempt
     */
    final void goOn(MilepostException error, long position, Runnable next) {
        Optional<Duration> delay = attempts.delay(error, position);
        if (delay.isEmpty() || isOver()) {
            fail(error);
            return;
        }
        Runnable attempt = () -> {
            calls.connection().reconnect();
            next.run();
        };
        try {
            calls.connection().timer().schedule(attempt, delay.get().toMillis(), TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException closed) {
            fail(error);
        }
    }

    /** Ends without a result. */
    void fail(Throwable error) {
        result.completeExceptionally(error instanceof IOException local ? new UncheckedIOException(local) : error);
    }
}
