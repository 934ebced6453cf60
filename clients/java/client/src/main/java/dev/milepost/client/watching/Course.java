package dev.milepost.client.watching;

import dev.milepost.client.calls.Backoff;
import dev.milepost.client.calls.Calls;
import dev.milepost.client.errors.CancelledException;
import dev.milepost.client.errors.Errors;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.v1.ErrorReason;
import io.grpc.ClientCall;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import java.time.Duration;
import java.util.Iterator;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.function.Function;

/**
 * How far a watch has come: one stream after another, each from the last message of the one before. Used by one thread;
 * {@link #end} by any.
 *
 * @param <Q> the request
 * @param <A> the messages
 */
final class Course<Q, A> {
    /**
     * A method that watches.
     *
     * @param descriptor the method
     * @param resume puts a resume token into a request
     * @param token the resume token of a message
     */
    record Method<Q, A>(
            MethodDescriptor<Q, A> descriptor, BiFunction<Q, String, Q> resume, Function<A, String> token) {}

    private static final Duration LONGEST_DELAY = Duration.ofSeconds(5);

    private final Calls calls;
    private final Method<Q, A> method;
    private final CountDownLatch ended = new CountDownLatch(1);
    private Q request;
    private String token;
    private volatile ClientCall<Q, A> call;
    private Iterator<A> messages;
    private boolean begun;
    private int failures;
    private long failingSince;

    Course(Calls calls, Method<Q, A> method, Q request, String token) {
        this.calls = calls;
        this.method = method;
        this.request = request;
        this.token = token;
    }

    /** Goes on behind the last message. */
    String token() {
        return token;
    }

    /** Whether the server has answered yet. */
    boolean begun() {
        return begun;
    }

    boolean ended() {
        return ended.getCount() == 0;
    }

    void end() {
        ended.countDown();
        ClientCall<Q, A> open = call;
        if (open != null) {
            open.cancel("The watch was closed.", null);
        }
    }

    /** Waits for a message, or for a while before the next attempt to get one; then there is none. */
    Optional<A> receive() {
        if (messages == null) {
            open();
        }
        MilepostException error = null;
        try {
            if (messages.hasNext()) {
                return Optional.of(taken(messages.next()));
            }
        } catch (StatusRuntimeException thrown) {
            error = Errors.from(thrown);
        }
        messages = null;
        if (!ended()) {
            if (Thread.currentThread().isInterrupted()) {
                throw interrupted(error);
            }
            waitFor(error == null ? shutDown() : error);
        }
        return Optional.empty();
    }

    private void open() {
        if (failures > 0) {
            calls.connection().reconnect();
        }
        ClientCall<Q, A> opened = calls.open(method.descriptor());
        // Its listener asks for a message each time that one is taken, so the server never sends far ahead.
        messages = ClientCalls.blockingServerStreamingCall(opened, request);
        call = opened;
        if (ended()) {
            opened.cancel("The watch was closed.", null);
        }
    }

    private A taken(A message) {
        begun = true;
        failures = 0;
        token = method.token().apply(message);
        request = method.resume().apply(request, token);
        return message;
    }

    /** Waits before another stream is opened, after one ended. Throws the error when that cannot help. */
    private void waitFor(MilepostException error) {
        if (error instanceof NotFoundException && begun) {
            ended.countDown();
            return;
        }
        boolean mayPass = error.isRetriable() || error instanceof CancelledException;
        if (!mayPass || calls.connection().timer().isShutdown()) {
            throw error;
        }
        if (failures == 0) {
            failingSince = System.nanoTime();
        }
        failures++;
        Duration delay = Backoff.delay(failures, error, LONGEST_DELAY);
        long failing = System.nanoTime() + delay.toNanos() - failingSince;
        if (failing > calls.settings().timeout().toNanos()) {
            failures = 0;
            throw error;
        }
        try {
            ended.await(delay.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException interrupt) {
            Thread.currentThread().interrupt();
            throw interrupted(interrupt);
        }
    }

    private static MilepostException shutDown() {
        return Errors.of(
                Status.UNAVAILABLE.withDescription("The server ended the watch: it shuts down."),
                ErrorReason.ERROR_REASON_UNSPECIFIED,
                Map.of());
    }

    private static MilepostException interrupted(Throwable cause) {
        return Errors.of(
                Status.CANCELLED.withDescription("The thread was interrupted.").withCause(cause),
                ErrorReason.ERROR_REASON_UNSPECIFIED,
                Map.of());
    }

    @Override
    public String toString() {
        return method.descriptor().getBareMethodName();
    }
}
