package dev.milepost.client.tracking;

import com.google.protobuf.Message;
import com.google.protobuf.MessageLite;
import dev.milepost.client.calls.Backoff;
import dev.milepost.client.calls.Calls;
import dev.milepost.client.errors.Errors;
import dev.milepost.client.errors.MilepostException;
import io.grpc.ClientCall;
import io.grpc.MethodDescriptor;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;

/** Reads what a call streams down to its end, and again from the beginning while that may help. */
final class WholeStream<Q extends Message, A extends MessageLite, T> {
    /** Takes the messages of one attempt, one at a time. */
    interface Sink<A, T> {
        void take(A message) throws IOException;

        /** What they make, at the end of all. */
        T finish() throws IOException;

        /** There will be no end. */
        default void abandon() {}
    }

    /** Makes the sink of an attempt. */
    interface SinkMaker<A, T> {
        Sink<A, T> make() throws IOException;
    }

    /** How long one attempt may take. */
    static final Duration ATTEMPT = Duration.ofMinutes(10);

    private static final Duration LONGEST_DELAY = Duration.ofSeconds(10);

    private final CompletableFuture<T> result = new CompletableFuture<>();
    private final Calls calls;
    private final MethodDescriptor<Q, A> method;
    private final Q request;
    private final SinkMaker<A, T> sinks;
    private final int mostAttempts;
    private int failures;
    private volatile ClientCall<Q, A> call;

    private WholeStream(
            Calls calls, MethodDescriptor<Q, A> method, Q request, SinkMaker<A, T> sinks, boolean repeatable) {
        this.calls = calls;
        this.method = method;
        this.request = request;
        this.sinks = sinks;
        mostAttempts = repeatable && calls.settings().retries() ? Calls.MAX_ATTEMPTS : 1;
        result.whenComplete((done, error) -> {
            if (error != null && call != null) {
                call.cancel("It is not read any more.", error);
            }
        });
    }

    /**
     * What the sink makes. Cancelling it cancels the call; a failing sink fails it with
     * {@link UncheckedIOException}.
     */
    static <Q extends Message, A extends MessageLite, T> CompletableFuture<T> read(
            Calls calls, MethodDescriptor<Q, A> method, Q request, SinkMaker<A, T> sinks, boolean repeatable) {
        WholeStream<Q, A, T> stream = new WholeStream<>(calls, method, request, sinks, repeatable);
        stream.next();
        return stream.result;
    }

    private void next() {
        if (result.isDone()) {
            return;
        }
        Sink<A, T> sink;
        try {
            sink = sinks.make();
        } catch (IOException error) {
            result.completeExceptionally(new UncheckedIOException(error));
            return;
        }
        if (failures > 0) {
            calls.connection().reconnect();
        }
        call = calls.open(method, ATTEMPT);
        ClientCalls.asyncServerStreamingCall(call, request, new Attempt(sink));
    }

    private void failed(MilepostException error) {
        failures++;
        if (!error.isRetriable() || failures >= mostAttempts) {
            result.completeExceptionally(error);
            return;
        }
        long delay = Backoff.delay(failures, error, LONGEST_DELAY).toMillis();
        try {
            calls.connection().timer().schedule(this::next, delay, TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException closed) {
            result.completeExceptionally(error);
        }
    }

    private final class Attempt implements StreamObserver<A> {
        private final Sink<A, T> sink;

        Attempt(Sink<A, T> sink) {
            this.sink = sink;
        }

        @Override
        public void onNext(A message) {
            if (result.isDone()) {
                call.cancel("It is not read any more.", null);
                return;
            }
            try {
                sink.take(message);
            } catch (IOException error) {
                result.completeExceptionally(new UncheckedIOException(error));
            }
        }

        @Override
        public void onCompleted() {
            if (result.isDone()) {
                sink.abandon();
                return;
            }
            try {
                result.complete(sink.finish());
            } catch (IOException error) {
                sink.abandon();
                result.completeExceptionally(new UncheckedIOException(error));
            }
        }

        @Override
        public void onError(Throwable thrown) {
            sink.abandon();
            if (!result.isDone()) {
                failed(Errors.from(thrown));
            }
        }
    }
}
