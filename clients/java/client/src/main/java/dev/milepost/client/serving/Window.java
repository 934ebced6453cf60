package dev.milepost.client.serving;

import dev.milepost.client.calls.Backoff;
import dev.milepost.client.calls.Calls;
import dev.milepost.client.calls.ConnectionSettings;
import dev.milepost.client.errors.DeadlineExceededException;
import dev.milepost.client.errors.Errors;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.v1.ErrorReason;
import dev.milepost.v1.PredictInput;
import dev.milepost.v1.PredictOutput;
import dev.milepost.v1.StreamPredictRequest;
import dev.milepost.v1.StreamPredictResponse;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * The requests of one stream without an answer: what goes into the next message, and what is repeated. Knows neither
 * calls nor locks; those who use it do. What is settled is handed back, to be run without a lock: those who wait for an
 * answer are called at once.
 */
final class Window {
    private static final int MESSAGE_INPUTS = 256;
    private static final int MESSAGE_BYTES = 1024 * 1024;
    private static final long MAX_BYTES = 64L * 1024 * 1024;
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);

    /** A request that waits for its answer. */
    private static final class Pending {
        private final PredictInput input;
        private final String callersId;
        private final int size;
        private final CompletableFuture<Prediction> answer = new CompletableFuture<>();
        private int failures;
        private long firstFailure;

        Pending(PredictInput input, String callersId) {
            this.input = input;
            this.callersId = callersId;
            this.size = input.getSerializedSize();
        }
    }

    private final String model;
    private final StreamOptions options;
    private final ConnectionSettings settings;
    private final Deque<Pending> unsent = new ArrayDeque<>();
    private final Map<String, Pending> sent = new LinkedHashMap<>();
    private long bytes;
    private long lastId;
    private long pausedUntil = System.nanoTime();

    Window(String model, StreamOptions options, ConnectionSettings settings) {
        this.model = model;
        this.options = options;
        this.settings = settings;
    }

    boolean isEmpty() {
        return unsent.isEmpty() && sent.isEmpty();
    }

    boolean hasRoom() {
        return unsent.size() + sent.size() < options.maxInFlight() && bytes < MAX_BYTES;
    }

    boolean hasUnsent() {
        return !unsent.isEmpty();
    }

    /** Nanoseconds until what is unsent may be sent; not above 0 when it may. */
    long pause() {
        return pausedUntil - System.nanoTime();
    }

    CompletableFuture<Prediction> add(Batch batch) {
        PredictInput input = batch.input();
        String id = String.valueOf(++lastId);
        Pending pending = new Pending(input.toBuilder().setId(id).build(), input.getId());
        bytes += pending.size;
        unsent.add(pending);
        return pending.answer;
    }

    /** What waits, as far as it goes into one message. */
    StreamPredictRequest message(boolean first) {
        StreamPredictRequest.Builder message = StreamPredictRequest.newBuilder();
        if (first) {
            message.setModel(model).setVersion(options.version());
        }
        int size = 0;
        while (!unsent.isEmpty() && message.getInputsCount() < MESSAGE_INPUTS) {
            Pending pending = unsent.peek();
            size += pending.size;
            if (message.getInputsCount() > 0 && size > MESSAGE_BYTES) {
                break;
            }
            message.addInputs(pending.input);
            sent.put(pending.input.getId(), unsent.remove());
        }
        return message.build();
    }

    /** Takes answers. What failed and may succeed is sent again. */
    List<Runnable> answered(StreamPredictResponse response) {
        List<Runnable> settled = new ArrayList<>();
        for (PredictOutput output : response.getOutputsList()) {
            Pending pending = sent.remove(output.getId());
            if (pending == null) {
                continue;
            }
            if (output.hasError()) {
                settled.addAll(failed(List.of(pending), Errors.from(output.getError())));
            } else {
                bytes -= pending.size;
                settled.add(() -> pending.answer.complete(new Prediction(output, pending.callersId)));
            }
        }
        return settled;
    }

    /** Takes note that the call has ended. What was sent is sent again where that may help. */
    List<Runnable> broken(MilepostException error) {
        List<Pending> lost = List.copyOf(sent.values());
        sent.clear();
        return failed(lost, error);
    }

    /** Ends all with an error. */
    List<Runnable> givenUp(MilepostException error) {
        List<Runnable> settled = new ArrayList<>();
        sent.values().forEach(pending -> settled.add(refused(pending, error)));
        unsent.forEach(pending -> settled.add(refused(pending, error)));
        sent.clear();
        unsent.clear();
        return settled;
    }

    private List<Runnable> failed(Collection<Pending> failed, MilepostException error) {
        List<Runnable> settled = new ArrayList<>();
        Deque<Pending> again = new ArrayDeque<>();
        int mostFailures = 0;
        for (Pending pending : failed) {
            pending.firstFailure = pending.failures == 0 ? System.nanoTime() : pending.firstFailure;
            pending.failures++;
            if (mayRepeat(pending, error)) {
                again.push(pending);
                mostFailures = Math.max(mostFailures, pending.failures);
            } else {
                settled.add(refused(pending, error));
            }
        }
        if (!again.isEmpty()) {
            long until = System.nanoTime() + Backoff.delay(mostFailures, error, LONGEST_PAUSE).toNanos();
            pausedUntil = until - pausedUntil > 0 ? until : pausedUntil;
            again.forEach(unsent::push);
        }
        return settled;
    }

    private boolean mayRepeat(Pending pending, MilepostException error) {
        if (!settings.retries() || !error.isRetriable() || error instanceof DeadlineExceededException) {
            return false;
        }
        if (error.reason() == ErrorReason.ERROR_REASON_UNSPECIFIED) {
            // The transport's: nobody was asked. A server that starts again has the time of a call for it.
            return System.nanoTime() - pending.firstFailure < settings.timeout().toNanos();
        }
        return pending.failures < Calls.mostAttempts(error);
    }

    private Runnable refused(Pending pending, MilepostException error) {
        bytes -= pending.size;
        return () -> pending.answer.completeExceptionally(error);
    }
}
