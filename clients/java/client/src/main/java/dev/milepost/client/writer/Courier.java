package dev.milepost.client.writer;

import dev.milepost.client.calls.Calls;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Brings the batches of a backlog to the server: points by streams, all else by unary calls. One thread calls
 * {@link #work} again and again, and waits for its mailbox in between.
 */
final class Courier {
    private final Calls calls;
    private final Backlog backlog;
    private final Mailbox mailbox;
    private final Losses losses;
    private final UnaryLane unary;
    private final Map<StreamKey, MetricStream> streams = new LinkedHashMap<>();

    /**
     * Whose batches a stream carries.
     *
     * @param runId the run
     * @param writerId the writer
     */
    record StreamKey(String runId, String writerId) {}

    /**
     * A courier.
     *
     * @param calls the connection to the server
     * @param backlog what to deliver
     * @param mailbox woken when something was heard, so that {@link #work} has work
     * @param losses takes note of what the server refused for good
     */
    Courier(Calls calls, Backlog backlog, Mailbox mailbox, Losses losses) {
        this.calls = calls;
        this.backlog = backlog;
        this.mailbox = mailbox;
        this.losses = losses;
        this.unary = new UnaryLane(calls, mailbox, losses, backlog::done);
    }

    /**
     * Sends and hears what can be, without waiting. Returns in how many nanoseconds to call it again at the latest.
     *
     * @param hurried whether somebody waits, so that delays between attempts are short
     */
    long work(boolean hurried) {
        long wait;
        boolean goesOn;
        do {
            for (Runnable event = mailbox.poll(); event != null; event = mailbox.poll()) {
                event.run();
            }
            long doneBefore = backlog.doneCount();
            goesOn = false;
            for (Pending pending = backlog.take(); pending != null; pending = backlog.take()) {
                put(pending);
                goesOn = true;
            }
            wait = unary.work(hurried);
            for (MetricStream stream : streams.values()) {
                wait = Math.min(wait, stream.work(hurried));
            }
            backlog.settle(isAway());
            goesOn |= backlog.doneCount() != doneBefore;
        } while (goesOn);
        streams.values().removeIf(MetricStream::isIdle);
        return wait;
    }

    /** {@return whether the server could not be reached for a while} */
    boolean isAway() {
        return unary.isAway() || streams.values().stream().anyMatch(MetricStream::isAway);
    }

    /** Ends all calls. What was not answered stays in the backlog. */
    void close() {
        unary.close();
        streams.values().forEach(MetricStream::close);
    }

    private void put(Pending pending) {
        Batch batch = pending.batch;
        if (batch.writerId().isEmpty()) {
            unary.put(pending);
            return;
        }
        streams.computeIfAbsent(
                        new StreamKey(batch.runId(), batch.writerId()),
                        key -> new MetricStream(key, calls, mailbox, losses, backlog::done, unary::putRejected))
                .put(pending);
    }
}
