package dev.milepost.client.writer;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.milepost.client.calls.Calls;
import dev.milepost.client.errors.Errors;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.v1.LogBatchRequest;
import dev.milepost.v1.LogBatchResponse;
import io.grpc.ClientCall;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.function.Consumer;

/**
 * Batches that go by unary calls: the parts of a batch of which some part was refused, and the params and tags in files
 * of the Python client. Sends one request at a time, in order, until it is stored or refused. For one thread.
 */
final class UnaryLane {
    private static final Duration TIMEOUT = Duration.ofSeconds(30);

    private final Calls calls;
    private final Mailbox mailbox;
    private final Losses losses;
    private final Consumer<Pending> done;
    private final ArrayDeque<Job> jobs = new ArrayDeque<>();
    private final Retry retry = new Retry();
    private ClientCall<RawMethods.Raw, LogBatchResponse> call;

    /**
     * An empty lane.
     *
     * @param calls the connection to the server
     * @param mailbox how answers come back to the one thread
     * @param losses takes note of parts that were refused
     * @param done takes each batch of which nothing is left to do
     */
    UnaryLane(Calls calls, Mailbox mailbox, Losses losses, Consumer<Pending> done) {
        this.calls = calls;
        this.mailbox = mailbox;
        this.losses = losses;
        this.done = done;
    }

    /** Takes params or tags. */
    void put(Pending pending) {
        Job job = new Job(pending);
        job.requests.add(pending.batch.wire());
        jobs.add(job);
    }

    /** Takes points that were rejected together, to store those that are right. */
    void putRejected(Pending pending, MilepostException error) {
        Job job = new Job(pending);
        takeApart(job, LogBatches.unaryTwin(pending.batch), error);
        if (job.requests.isEmpty()) {
            done.accept(pending);
        } else {
            jobs.add(job);
        }
    }

    /** {@return whether the server could not be reached for a while} */
    boolean isAway() {
        return retry.failedOften();
    }

    /** Sends what can be sent. Returns in how many nanoseconds to try again; {@code Long.MAX_VALUE}: when called. */
    long work(boolean hurried) {
        if (call != null || jobs.isEmpty()) {
            return Long.MAX_VALUE;
        }
        long wait = retry.waitNanos(hurried);
        if (wait > 0) {
            return wait;
        }
        if (retry.failedOften()) {
            calls.connection().reconnect();
        }
        ClientCall<RawMethods.Raw, LogBatchResponse> begun = calls.open(RawMethods.LOG_BATCH, TIMEOUT);
        call = begun;
        ClientCalls.asyncUnaryCall(begun, new RawMethods.Raw(jobs.peek().requests.peek()), new Answer(begun));
        return Long.MAX_VALUE;
    }

    /** Ends the call under way. */
    void close() {
        if (call != null) {
            call.cancel("The writer closes.", null);
            call = null;
        }
    }

    private void answered(MilepostException error) {
        call = null;
        if (error != null && retry.failed(error)) {
            return;
        }
        retry.succeeded();
        Job job = jobs.peek();
        byte[] request = job.requests.poll();
        if (error != null) {
            takeApart(job, parse(request), error);
        }
        if (job.requests.isEmpty()) {
            jobs.poll();
            done.accept(job.pending);
        }
    }

    private void takeApart(Job job, LogBatchRequest request, MilepostException error) {
        List<LogBatchRequest> halves = Retry.concernsAll(error) ? List.of() : LogBatches.split(request);
        if (halves.isEmpty()) {
            losses.refuse(LogBatches.describe(request), LogBatches.count(request), error);
        }
        for (int i = halves.size() - 1; i >= 0; i--) {
            job.requests.push(halves.get(i).toByteArray());
        }
    }

    private static LogBatchRequest parse(byte[] request) {
        try {
            return LogBatchRequest.parseFrom(request);
        } catch (InvalidProtocolBufferException unreadable) {
            // The checksum held, so whoever wrote it wrote no message.
            return LogBatchRequest.getDefaultInstance();
        }
    }

    private static final class Job {
        final Pending pending;
        /** What is still to be sent of it. */
        final ArrayDeque<byte[]> requests = new ArrayDeque<>();

        Job(Pending pending) {
            this.pending = pending;
        }
    }

    /** What gRPC's threads call. */
    private final class Answer implements StreamObserver<LogBatchResponse> {
        private final ClientCall<RawMethods.Raw, LogBatchResponse> mine;

        Answer(ClientCall<RawMethods.Raw, LogBatchResponse> mine) {
            this.mine = mine;
        }

        @Override
        public void onNext(LogBatchResponse response) {}

        @Override
        public void onCompleted() {
            post(null);
        }

        @Override
        public void onError(Throwable thrown) {
            post(Errors.from(thrown));
        }

        private void post(MilepostException error) {
            mailbox.post(() -> {
                if (call == mine) {
                    answered(error);
                }
            });
        }
    }
}
