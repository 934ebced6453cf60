package dev.milepost.client.serving;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.calls.Connection;
import dev.milepost.client.errors.Errors;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.v1.ErrorReason;
import dev.milepost.v1.PredictionServiceGrpc;
import dev.milepost.v1.StreamPredictRequest;
import dev.milepost.v1.StreamPredictResponse;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Asks one model many times, and does not wait for one answer before it asks again: the fastest way to have many small
 * batches answered. Made by {@link ModelServer#stream}; may be used from several threads.
 *
 * <p>Each request fails by itself. What a lost connection left unanswered is asked again until the client's timeout has
 * passed, so that a server may be started again meanwhile; what a lost process of the model left, once.
 * {@link #close} waits for all answers; {@link #cancel} does not, nor does a stream whose server's client is closed.
 *
 * <pre>{@code
 * try (PredictionStream stream = server.stream("fraud")) {
 *     stream.predictMany(batches).forEach(prediction -> use(prediction.tensor()));
 * }
 * }</pre>
 */
public final class PredictionStream implements AutoCloseable {
    private final Calls calls;
    private final int mostInFlight;
    private final ReentrantLock lock = new ReentrantLock();
    /** Told of whatever changes below, and in the window. */
    private final Condition changed = lock.newCondition();

    private final Window window;
    private final Thread sender = Connection.daemon("milepost-predictions").newThread(this::run);
    private Attempt attempt;
    private boolean failedBefore;
    private boolean started;
    private boolean closing;
    private boolean cancelled;

    PredictionStream(Calls calls, String model, StreamOptions options) {
        this.calls = calls;
        this.mostInFlight = options.maxInFlight();
        this.window = new Window(model, options, calls.settings());
    }

    /**
     * Asks for a prediction. Waits as long as too many are unanswered, so it must not be called by what a future calls
     * when it is done, unless that has an executor of its own.
     *
     * @param batch what to ask
     * @return the answer to come, or a {@link MilepostException}; cancelling it does not cancel the request
     * @throws IllegalStateException when the stream is closed
     * @throws MilepostException when the thread was interrupted while it waited; the interrupt is left set
     */
    public CompletableFuture<Prediction> submit(Batch batch) {
        lock.lock();
        try {
            while (!closing && !window.hasRoom()) {
                changed.await();
            }
            if (closing) {
                throw new IllegalStateException("The prediction stream is closed. Open another one.");
            }
            CompletableFuture<Prediction> answer = window.add(batch);
            if (!started) {
                started = true;
                sender.start();
            }
            changed.signalAll();
            return answer;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw cancellation("The thread was interrupted.");
        } finally {
            lock.unlock();
        }
    }

    /**
     * The answers to many batches, in their order; asks ahead of what is read. Reading throws the
     * {@link MilepostException} of the first that failed.
     *
     * @param batches what to ask; read one by one
     * @return the answers, to be read once and by one thread
     */
    public Stream<Prediction> predictMany(Iterable<Batch> batches) {
        Iterator<Batch> left = batches.iterator();
        Deque<CompletableFuture<Prediction>> waiting = new ArrayDeque<>();
        Iterator<Prediction> answers = new Iterator<>() {
            @Override
            public boolean hasNext() {
                return left.hasNext() || !waiting.isEmpty();
            }

            @Override
            public Prediction next() {
                while (left.hasNext() && waiting.size() < mostInFlight) {
                    waiting.add(submit(left.next()));
                    if (waiting.element().isDone()) {
                        break;
                    }
                }
                if (waiting.isEmpty()) {
                    throw new NoSuchElementException();
                }
                return Calls.await(waiting.remove());
            }
        };
        return StreamSupport.stream(
                Spliterators.spliteratorUnknownSize(answers, Spliterator.ORDERED | Spliterator.NONNULL), false);
    }

    /** Takes no more, and waits for all answers. An interrupt cancels what is left, and is left set. */
    @Override
    public void close() {
        end(false);
        try {
            sender.join();
        } catch (InterruptedException interrupted) {
            cancel();
            Thread.currentThread().interrupt();
        }
    }

    /** Ends at once; what is unanswered gets a {@link dev.milepost.client.errors.CancelledException}. */
    public void cancel() {
        end(true);
    }

    private void end(boolean atOnce) {
        lock.lock();
        try {
            closing = true;
            cancelled |= atOnce;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** The thread: it alone sends on calls, and ends them. */
    private void run() {
        MilepostException left = cancellation("The prediction stream was cancelled.");
        try {
            for (Outgoing message = next(); message != null; message = next()) {
                message.call.sendMessage(message.request);
            }
        } catch (InterruptedException | RuntimeException failed) {
            left = Errors.from(failed);
        } finally {
            giveUp(left);
        }
    }

    /** Waits for something to send. Null when the stream has ended. */
    private Outgoing next() throws InterruptedException {
        lock.lock();
        try {
            while (!cancelled && !(closing && window.isEmpty())) {
                long pause = window.pause();
                if (!window.hasUnsent()) {
                    changed.await();
                } else if (pause > 0) {
                    changed.await(pause, TimeUnit.NANOSECONDS);
                } else if (attempt == null) {
                    attempt = open();
                    // Not only when the call is ready: what cannot connect has to count as a failure of something.
                    return new Outgoing(attempt.call, window.message(true));
                } else if (attempt.call.isReady()) {
                    return new Outgoing(attempt.call, window.message(false));
                } else {
                    changed.await();
                }
            }
            return null;
        } finally {
            lock.unlock();
        }
    }

    private Attempt open() {
        if (failedBefore) {
            calls.connection().reconnect();
        }
        Attempt opened = new Attempt(calls.open(PredictionServiceGrpc.getStreamPredictMethod()));
        opened.call.start(opened, new Metadata());
        opened.call.request(1);
        return opened;
    }

    private void giveUp(MilepostException error) {
        settle(() -> {
            closing = true;
            if (attempt != null) {
                if (window.isEmpty()) {
                    attempt.call.halfClose();
                } else {
                    attempt.call.cancel(error.getMessage(), null);
                }
            }
            return window.givenUp(error);
        });
    }

    private void settle(Supplier<List<Runnable>> change) {
        List<Runnable> settled;
        lock.lock();
        try {
            settled = change.get();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        settled.forEach(Runnable::run);
    }

    private static MilepostException cancellation(String text) {
        return Errors.of(
                Status.CANCELLED.withDescription(text), ErrorReason.ERROR_REASON_UNSPECIFIED, Map.of());
    }

    private record Outgoing(ClientCall<StreamPredictRequest, ?> call, StreamPredictRequest request) {}

    /** One call, until it ends. */
    private final class Attempt extends ClientCall.Listener<StreamPredictResponse> {
        private final ClientCall<StreamPredictRequest, StreamPredictResponse> call;

        Attempt(ClientCall<StreamPredictRequest, StreamPredictResponse> call) {
            this.call = call;
        }

        @Override
        public void onReady() {
            settle(List::of);
        }

        @Override
        public void onMessage(StreamPredictResponse response) {
            settle(() -> window.answered(response));
            call.request(1);
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            Status found = status.isOk() ? Status.UNAVAILABLE.withDescription("The server ended the stream.") : status;
            MilepostException error = Errors.from(found.asRuntimeException(trailers));
            settle(() -> {
                attempt = null;
                failedBefore = true;
                cancelled |= calls.connection().isClosed();
                return cancelled ? window.givenUp(error) : window.broken(error);
            });
        }
    }
}
