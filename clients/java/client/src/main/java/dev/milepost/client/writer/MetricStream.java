package dev.milepost.client.writer;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.errors.Errors;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.client.errors.UnauthenticatedException;
import dev.milepost.client.values.Ids;
import dev.milepost.v1.ErrorReason;
import dev.milepost.v1.StreamMetricsBatch;
import dev.milepost.v1.StreamMetricsOpen;
import dev.milepost.v1.StreamMetricsRejected;
import dev.milepost.v1.StreamMetricsRequest;
import dev.milepost.v1.StreamMetricsResponse;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * One metric stream: the batches of one writer of one run, in order, over as many calls as it takes. All methods are
 * for one thread; what gRPC's threads hear is posted to it.
 */
final class MetricStream {
    /** Most batches sent and not answered; the server reads no further. */
    private static final int WINDOW = 64;

    private static final System.Logger LOG = System.getLogger(MetricWriter.class.getName());

    private final String runId;
    private final Calls calls;
    private final Mailbox mailbox;
    private final Losses losses;
    private final Consumer<Pending> done;
    private final BiConsumer<Pending, MilepostException> rejected;
    private final ArrayDeque<Pending> unsent = new ArrayDeque<>();
    private final ArrayDeque<Pending> sent = new ArrayDeque<>();
    // Rejections: of batches among those sent, and of batches that are still to come from the backlog.
    private final Set<Long> told = new HashSet<>();
    private final Map<Long, MilepostException> early = new HashMap<>();
    private final Retry retry = new Retry();
    // Of a call that is not answered yet: it waits for a connection, at which this looks again and again.
    private final Retry reaching = new Retry();
    private String writerId;
    private long durable;
    // What is subtracted from the numbers of batches on the wire, see renumber.
    private long shift;
    private ClientCall<RawMethods.Raw, StreamMetricsResponse> call;
    private boolean isOpen;
    private boolean isRefusedEntry;

    /**
     * A stream without a call.
     *
     * @param key the run, and the writer whose batches these are
     * @param calls the connection to the server
     * @param mailbox how gRPC's threads come back to the one thread
     * @param losses takes note of batches that were refused with the stream itself; {@code done} takes them too
     * @param done takes each batch that is durable
     * @param rejected takes each batch that was rejected, and why
     */
    MetricStream(
            Courier.StreamKey key,
            Calls calls,
            Mailbox mailbox,
            Losses losses,
            Consumer<Pending> done,
            BiConsumer<Pending, MilepostException> rejected) {
        this.runId = key.runId();
        this.writerId = key.writerId();
        this.calls = calls;
        this.mailbox = mailbox;
        this.losses = losses;
        this.done = done;
        this.rejected = rejected;
    }

    /** {@return whether it has nothing to send and no call} */
    boolean isIdle() {
        return unsent.isEmpty() && sent.isEmpty() && call == null;
    }

    /** {@return whether the server could not be reached for a while} */
    boolean isAway() {
        return !isOpen && (retry.failedOften() || reaching.failedOften());
    }

    /** Takes the next batch of the writer. */
    void put(Pending pending) {
        unsent.add(pending);
    }

    /** Ends the call, at once if it waits for answers. */
    void close() {
        if (call == null) {
            return;
        }
        if (isOpen && sent.isEmpty()) {
            call.halfClose();
        } else {
            call.cancel("The writer closes.", null);
        }
        call = null;
        isOpen = false;
    }

    /** Sends what can be sent. Returns in how many nanoseconds to try again; {@code Long.MAX_VALUE}: when called. */
    long work(boolean hurried) {
        if (call == null) {
            if (unsent.isEmpty()) {
                return Long.MAX_VALUE;
            }
            long wait = retry.waitNanos(hurried);
            if (wait > 0) {
                return wait;
            }
            open();
        }
        if (isOpen) {
            send();
            return Long.MAX_VALUE;
        }
        if (reaching.waitNanos(hurried) <= 0) {
            calls.connection().reconnect();
            reaching.failed(unavailable("The server does not answer."));
        }
        return reaching.waitNanos(hurried);
    }

    private void send() {
        while (!unsent.isEmpty() && sent.size() < WINDOW && call.isReady()) {
            Pending pending = unsent.poll();
            long number = number(pending);
            MilepostException error = early.remove(number);
            if (error != null) {
                rejected.accept(pending, error);
            } else if (number <= durable) {
                done.accept(pending);
            } else {
                sent.add(pending);
                call.sendMessage(new RawMethods.Raw(pending.batch.wire(), numberedTail(number)));
            }
        }
    }

    // Calls

    private void open() {
        ClientCall<RawMethods.Raw, StreamMetricsResponse> begun = calls.openWhenReady(RawMethods.STREAM_METRICS);
        call = begun;
        begun.start(new Receiver(begun), new Metadata());
        begun.request(WINDOW);
        StreamMetricsOpen first = StreamMetricsOpen.newBuilder()
                .setRunId(runId)
                .setWriterId(writerId)
                .setAnsweredSequence(number(unsent.peek()) - 1)
                .build();
        begun.sendMessage(new RawMethods.Raw(
                StreamMetricsRequest.newBuilder().setOpen(first).build().toByteArray()));
    }

    private void heard(StreamMetricsResponse response) {
        switch (response.getMessageCase()) {
            case ACK -> acknowledged(response.getAck().getDurableSequence());
            case REJECTED -> wasRejected(response.getRejected());
            case OPENED -> wasOpened(response.getOpened().getDurableSequence());
            case DRAIN -> {
                isOpen = false;
                call.halfClose();
            }
            default -> { } // what a later server may add
        }
    }

    private void wasOpened(long durableSequence) {
        reaching.succeeded();
        // What is durable already waits for the acknowledgement that follows: rejections are told again before it.
        while (!unsent.isEmpty() && number(unsent.peek()) <= durableSequence) {
            sent.add(unsent.poll());
        }
        if (sent.isEmpty() && !unsent.isEmpty() && number(unsent.peek()) > durableSequence + 1) {
            renumber(durableSequence);
        } else {
            isOpen = true;
        }
    }

    private void acknowledged(long durableSequence) {
        durable = durableSequence;
        retry.succeeded();
        while (!sent.isEmpty() && number(sent.peek()) <= durableSequence) {
            Pending pending = sent.poll();
            if (!told.remove(number(pending))) {
                done.accept(pending);
            }
        }
    }

    private void wasRejected(StreamMetricsRejected rejection) {
        MilepostException error = Errors.from(rejection.getError());
        for (Pending pending : sent) {
            if (number(pending) == rejection.getSequence()) {
                if (told.add(rejection.getSequence())) {
                    rejected.accept(pending, error);
                }
                return;
            }
        }
        early.put(rejection.getSequence(), error);
    }

    private void ended(Status status, Metadata trailers) {
        call = null;
        isOpen = false;
        reaching.succeeded();
        while (!sent.isEmpty()) {
            unsent.addFirst(sent.pollLast());
        }
        MilepostException error = status.isOk()
                ? unavailable("The server ended the stream.")
                : Errors.from(status.asRuntimeException(trailers));
        if (retry.failed(error)) {
            if (error instanceof UnauthenticatedException && !isRefusedEntry) {
                isRefusedEntry = true;
                LOG.log(
                        System.Logger.Level.WARNING,
                        "The server does not know the token of this client: metric points of run {0} wait for another.",
                        runId);
            }
            return;
        }
        List<Pending> refused = new ArrayList<>(unsent);
        refused.removeIf(pending -> told.contains(number(pending)));
        unsent.clear();
        told.clear();
        retry.succeeded();
        refused.forEach(done);
        int values = refused.stream().mapToInt(pending -> pending.batch.values()).sum();
        if (values > 0) {
            losses.refuse(values + " metric points of run " + runId, values, error);
        }
    }

    // Numbers

    private long number(Pending pending) {
        return pending.batch.sequence() - shift;
    }

    /** Goes on as a new writer, since the server lacks batches that are not here any more. */
    private void renumber(long durableSequence) {
        if (durableSequence > 0) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "The server has lost metric points of run " + runId
                            + " that it had acknowledged; was it restored from a backup?");
        }
        close();
        shift = unsent.peek().batch.sequence() - 1;
        durable = 0;
        early.clear();
        writerId = Ids.random();
    }

    private static byte[] numberedTail(long number) {
        return StreamMetricsRequest.newBuilder()
                .setBatch(StreamMetricsBatch.newBuilder().setSequence(number))
                .build()
                .toByteArray();
    }

    private static MilepostException unavailable(String text) {
        return Errors.of(
                Status.UNAVAILABLE.withDescription(text), ErrorReason.ERROR_REASON_UNSPECIFIED, Map.of());
    }

    /** What gRPC's threads call. */
    private final class Receiver extends ClientCall.Listener<StreamMetricsResponse> {
        private final ClientCall<RawMethods.Raw, StreamMetricsResponse> mine;

        Receiver(ClientCall<RawMethods.Raw, StreamMetricsResponse> mine) {
            this.mine = mine;
        }

        @Override
        public void onMessage(StreamMetricsResponse response) {
            mine.request(1);
            post(() -> heard(response));
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            post(() -> ended(status, trailers));
        }

        @Override
        public void onReady() {
            mailbox.wake();
        }

        private void post(Runnable event) {
            mailbox.post(() -> {
                if (call == mine) {
                    event.run();
                }
            });
        }
    }
}
