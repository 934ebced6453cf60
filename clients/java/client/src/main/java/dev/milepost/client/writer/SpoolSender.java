package dev.milepost.client.writer;

import dev.milepost.client.calls.Calls;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Sends one spool file that another process, or a closed writer, left. */
final class SpoolSender {
    private static final long POLL_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final Calls calls;
    private final Mailbox mailbox = new Mailbox();
    private volatile boolean isStopped;

    SpoolSender(Calls calls) {
        this.calls = calls;
    }

    /**
     * What became of a file.
     *
     * @param refused values that the server refused for good
     * @param left values that are still in the file
     * @param damagedBytes bytes at its end that could not be read, and are gone
     * @param problems an example for each reason why something was refused
     */
    record Sent(long refused, long left, long damagedBytes, List<String> problems) {}

    /** Ends it early. For other threads. */
    void stop() {
        isStopped = true;
        mailbox.wake();
    }

    /** Sends a file until it is empty, and removed then, or until it is stopped. The file is closed in the end. */
    Sent send(Spool spool) {
        Losses losses = new Losses();
        Backlog backlog = new Backlog(spool, Limits.DEFAULT.memoryBytes());
        Courier courier = new Courier(calls, backlog, mailbox, losses);
        try {
            while (!backlog.isEmpty() && !isStopped) {
                long wait = courier.work(true);
                if (!backlog.isEmpty()) {
                    mailbox.await(Math.min(wait, POLL_NANOS));
                }
            }
        } finally {
            courier.close();
            backlog.leave();
        }
        return new Sent(
                losses.refused(),
                backlog.values(),
                backlog.damagedBytes(),
                losses.take().examples());
    }
}
