package dev.milepost.client.calls;

import com.google.protobuf.Message;
import com.google.protobuf.MessageLite;
import dev.milepost.client.errors.Errors;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.v1.ErrorReason;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * Makes calls: with a deadline over all attempts, repeated where that is safe and may help, with one place that makes
 * exceptions. Cheap to make; all that share a connection share its channel.
 */
public final class Calls {
    /** Attempts that a call gets. */
    public static final int MAX_ATTEMPTS = 6;

    private static final int MAX_LOST_WORKERS = 2;
    private static final Duration LONGEST_DELAY = Duration.ofSeconds(5);

    private final Connection connection;
    private final ConnectionSettings settings;

    /**
     * Calls over a connection.
     *
     * @param connection the connection
     * @param settings deadlines and retries
     */
    public Calls(Connection connection, ConnectionSettings settings) {
        this.connection = connection;
        this.settings = settings;
    }

    /**
     * {@return the same calls with another deadline}
     *
     * @param timeout how long a call may take, retries included
     */
    public Calls withTimeout(Duration timeout) {
        return new Calls(connection, settings.withTimeout(timeout));
    }

    /** {@return the connection} */
    public Connection connection() {
        return connection;
    }

    /** {@return the settings} */
    public ConnectionSettings settings() {
        return settings;
    }

    /**
     * Makes a unary call and waits for the answer.
     *
     * @param <Q> the request
     * @param <A> the answer
     * @param method the method
     * @param request the request; an empty {@code request_id} is filled in
     * @return the answer
     * @throws MilepostException when it failed for good; an interrupt cancels the call
     */
    public <Q extends Message, A extends MessageLite> A call(MethodDescriptor<Q, A> method, Q request) {
        return await(start(method, request));
    }

    /**
     * Begins a unary call. Cancelling the future cancels the call.
     *
     * @param <Q> the request
     * @param <A> the answer
     * @param method the method
     * @param request the request; an empty {@code request_id} is filled in
     * @return the answer, or a {@link MilepostException}
     */
    public <Q extends Message, A extends MessageLite> CompletableFuture<A> start(
            MethodDescriptor<Q, A> method, Q request) {
        Attempts<Q, A> attempts = new Attempts<>(method, identified(method, request));
        attempts.next();
        return attempts.answer;
    }

    /**
     * Begins a unary call whose answer is read.
     *
     * @param <Q> the request
     * @param <A> the answer
     * @param <T> what the caller wants of it
     * @param method the method
     * @param request the request; an empty {@code request_id} is filled in
     * @param read makes the result of the answer
     * @return the result, or a {@link MilepostException}
     */
    public <Q extends Message, A extends MessageLite, T> CompletableFuture<T> start(
            MethodDescriptor<Q, A> method, Q request, Function<A, T> read) {
        CompletableFuture<A> answer = start(method, request);
        CompletableFuture<T> result = answer.thenApply(read);
        result.whenComplete((done, error) -> {
            if (result.isCancelled()) {
                answer.cancel(true);
            }
        });
        return result;
    }

    /**
     * Begins one attempt at a call that streams, without a deadline.
     *
     * @param <Q> the requests
     * @param <A> the answers
     * @param method the method
     * @return the call, not yet started
     */
    public <Q, A> ClientCall<Q, A> open(MethodDescriptor<Q, A> method) {
        return connection.channel().newCall(method, CallOptions.DEFAULT);
    }

    /**
     * Begins one attempt at a call that streams, without a deadline. It waits for the server while that is away, where
     * {@link #open} fails.
     *
     * @param <Q> the requests
     * @param <A> the answers
     * @param method the method
     * @return the call, not yet started
     */
    public <Q, A> ClientCall<Q, A> openWhenReady(MethodDescriptor<Q, A> method) {
        return connection.channel().newCall(method, CallOptions.DEFAULT.withWaitForReady());
    }

    /**
     * Begins one attempt at a call that streams, with a deadline.
     *
     * @param <Q> the requests
     * @param <A> the answers
     * @param method the method
     * @param timeout how long it may take
     * @return the call, not yet started
     */
    public <Q, A> ClientCall<Q, A> open(MethodDescriptor<Q, A> method, Duration timeout) {
        return connection
                .channel()
                .newCall(method, CallOptions.DEFAULT.withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS));
    }

    /**
     * Begins one attempt at a call that sends much, with a deadline.
     *
     * @param <Q> the requests
     * @param <A> the answers
     * @param method the method
     * @param timeout how long it may take
     * @param waitingBytes bytes that may wait to be sent before the call is no longer ready for more
     * @return the call, not yet started
     */
    public <Q, A> ClientCall<Q, A> open(MethodDescriptor<Q, A> method, Duration timeout, int waitingBytes) {
        return connection
                .channel()
                .newCall(method, CallOptions.DEFAULT
                        .withDeadlineAfter(timeout.toNanos(), TimeUnit.NANOSECONDS)
                        .withOnReadyThreshold(waitingBytes));
    }

    /**
     * Waits for what was begun.
     *
     * @param <T> the result
     * @param begun a future of this client
     * @return its result
     * @throws MilepostException when it failed; an interrupt cancels it and is left set
     * @throws RuntimeException what else failed it as it is: a local file, a callback
     */
    public static <T> T await(CompletableFuture<T> begun) {
        try {
            return begun.get();
        } catch (InterruptedException interrupted) {
            begun.cancel(true);
            Thread.currentThread().interrupt();
            throw Errors.of(
                    Status.CANCELLED.withDescription("The thread was interrupted.").withCause(interrupted),
                    ErrorReason.ERROR_REASON_UNSPECIFIED,
                    Map.of());
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof RuntimeException error && !(error instanceof StatusRuntimeException)) {
                throw error;
            }
            throw Errors.from(failed);
        }
    }

    @SuppressWarnings("unchecked")
    private static <Q extends Message> Q identified(MethodDescriptor<Q, ?> method, Q request) {
        var field = MethodTraits.of(method).requestId();
        if (field == null || !((String) request.getField(field)).isEmpty()) {
            return request;
        }
        return (Q) request.toBuilder().setField(field, UUID.randomUUID().toString()).build();
    }

    /** The attempts at one call, which share its deadline. */
    private final class Attempts<Q extends Message, A extends MessageLite> implements StreamObserver<A> {
        private final CompletableFuture<A> answer = new CompletableFuture<>();
        private final MethodDescriptor<Q, A> method;
        private final Q request;
        private final long deadline = System.nanoTime() + settings.timeout().toNanos();
        private int failures;
        private volatile ClientCall<Q, A> call;
        private A received;

        Attempts(MethodDescriptor<Q, A> method, Q request) {
            this.method = method;
            this.request = request;
            answer.whenComplete((done, error) -> {
                if (answer.isCancelled() && call != null) {
                    call.cancel("The caller cancelled it.", null);
                }
            });
        }

        void next() {
            if (answer.isDone()) {
                return;
            }
            received = null;
            if (failures > 0) {
                connection.reconnect();
            }
            long left = Math.max(deadline - System.nanoTime(), 1_000_000);
            call = connection
                    .channel()
                    .newCall(method, CallOptions.DEFAULT.withDeadlineAfter(left, TimeUnit.NANOSECONDS));
            ClientCalls.asyncUnaryCall(call, request, this);
        }

        @Override
        public void onNext(A message) {
            received = message;
        }

        @Override
        public void onCompleted() {
            answer.complete(received);
        }

        @Override
        public void onError(Throwable thrown) {
            MilepostException error = Errors.from(thrown);
            failures++;
            boolean again = settings.retries()
                    && error.isRetriable()
                    && MethodTraits.of(method).repeatable()
                    && failures < mostAttempts(error);
            Duration delay = again ? Backoff.delay(failures, error, LONGEST_DELAY) : Duration.ZERO;
            if (!again || System.nanoTime() + delay.toNanos() - deadline >= 0) {
                answer.completeExceptionally(error);
                return;
            }
            try {
                connection.timer().schedule(this::next, delay.toMillis(), TimeUnit.MILLISECONDS);
            } catch (RejectedExecutionException closed) {
                answer.completeExceptionally(error);
            }
        }
    }

    /**
     * {@return attempts that a call gets when the last one failed with an error. What may itself have ended the process
     * of a model is tried on one more, and not on all that are started anew}
     *
     * @param error the error
     */
    public static int mostAttempts(MilepostException error) {
        return error.reason() == ErrorReason.ERROR_REASON_WORKER_LOST ? MAX_LOST_WORKERS : MAX_ATTEMPTS;
    }
}
