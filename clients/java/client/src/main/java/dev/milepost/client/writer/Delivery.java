package dev.milepost.client.writer;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.calls.Connection;
import dev.milepost.client.errors.Errors;
import dev.milepost.client.values.Ids;
import dev.milepost.v1.ErrorReason;
import io.grpc.Status;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The queue of one writer of one run, and the thread that empties it. */
final class Delivery {
    private static final System.Logger LOG = System.getLogger(MetricWriter.class.getName());
    private static final long POLL_NANOS = TimeUnit.SECONDS.toNanos(1);
    /** A server that answered nothing for this long is slow; far less than those who log wait for room. */
    private static final long SLOW_NANOS = TimeUnit.MILLISECONDS.toNanos(25);
    private static final Duration LONGEST = Duration.ofDays(10_000);
    /** How long the writing of the spool file may take. */
    private static final Duration SPOOL_TIME = Duration.ofSeconds(10);

    private final Calls calls;
    private final String runId;
    private final WriterOptions options;
    private final boolean isStrict;
    private final Path spoolFolder;
    private final PointQueue queue;
    private final Losses losses = new Losses();
    private final Mailbox mailbox = new Mailbox();
    private final Backlog backlog;
    private final Courier courier;
    private final BatchEncoder encoder = new BatchEncoder();
    private final Thread thread;
    private final ConcurrentLinkedQueue<Flush> flushes = new ConcurrentLinkedQueue<>();
    private final String writerId = Ids.random();
    private long sequence;
    private long lastDoneCount;
    private long lastDoneAt = System.nanoTime();
    private volatile boolean isClosing;
    private volatile long leaveAt;
    private volatile boolean hasEnded;
    private volatile long unwritten;

    /** Somebody waits until a number of points have left the queue, and then until their batches are done. */
    private static final class Flush {
        final CountDownLatch over = new CountDownLatch(1);
        final long points;
        long batches = -1;
        volatile boolean isDone;

        Flush(long points) {
            this.points = points;
        }
    }

    private Delivery(Calls calls, String runId, WriterOptions options, Limits limits) {
        this.calls = calls;
        this.runId = runId;
        this.options = options;
        isStrict = options.strict();
        spoolFolder = options.spoolFolder();
        queue = new PointQueue(limits.queueBytes(), options.delay(), mailbox::wake);
        String address = calls.settings().address();
        backlog = new Backlog(
                () -> Spool.create(spoolFolder, address), options.spoolBytes(), limits.memoryBytes());
        courier = new Courier(calls, backlog, mailbox, losses);
        thread = Connection.daemon("milepost-writer").newThread(this::run);
    }

    /** {@return a delivery whose thread runs, until it is closed or the JVM ends} */
    static Delivery start(Calls calls, String runId, WriterOptions options, Limits limits) {
        Delivery delivery = new Delivery(calls, runId, options, limits);
        delivery.thread.start();
        OpenWriters.add(delivery);
        return delivery;
    }

    PointQueue queue() {
        return queue;
    }

    Losses losses() {
        return losses;
    }

    WriterOptions options() {
        return options;
    }

    /** {@return whether what was not stored is thrown, as the options or the environment said at first} */
    boolean isStrict() {
        return isStrict;
    }

    /** {@return points that are neither stored nor refused yet} */
    long pending() {
        return queue.size() + backlog.values();
    }

    /** Waits until all that was queued before is stored or refused. Returns whether that came in time. */
    boolean flush(Duration timeout) {
        Flush flush = new Flush(queue.added());
        flushes.add(flush);
        mailbox.wake();
        try {
            if (hasEnded) {
                return pending() == 0;
            }
            flush.over.await(bounded(timeout).toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        } finally {
            flushes.remove(flush);
        }
        return flush.isDone;
    }

    /** Has the thread end when all is stored or refused, and at the latest after a time; the rest goes to the spool. */
    void leave(Duration timeout) {
        queue.close();
        leaveAt = System.nanoTime() + bounded(timeout).toNanos();
        isClosing = true;
        mailbox.wake();
    }

    /** Waits for the thread after {@link #leave}. An interrupt has it leave at once, and is left set. */
    void join(Duration timeout) {
        try {
            thread.join(bounded(timeout).plus(SPOOL_TIME).toMillis());
        } catch (InterruptedException interrupted) {
            leave(Duration.ZERO);
            joinBriefly();
            Thread.currentThread().interrupt();
        }
        OpenWriters.remove(this);
    }

    /** {@return what is to be said of points that were not sent, if there are any} */
    Optional<String> leftBehind() {
        long left = pending();
        if (left == 0) {
            return Optional.empty();
        }
        StringBuilder text = new StringBuilder();
        text.append(left).append(" metric points of run ").append(runId).append(" have not reached ");
        text.append(calls.settings().address());
        if (!hasEnded) {
            text.append(" yet; they go on waiting");
        } else if (left > unwritten) {
            text.append("; ").append(left - unwritten).append(" wait in ").append(spoolFolder);
            text.append(": the next program that logs there sends them, or `milepost sync`");
        }
        if (unwritten > 0) {
            text.append("; ").append(unwritten).append(" found no room there and are LOST");
        }
        return Optional.of(text.append(".").toString());
    }

    /** A time that the clocks can count. */
    private static Duration bounded(Duration time) {
        return time.compareTo(LONGEST) > 0 ? LONGEST : time;
    }

    private void joinBriefly() {
        try {
            thread.join(SPOOL_TIME.toMillis());
        } catch (InterruptedException again) {
            // What is not written by now is written when the thread comes to it.
        }
    }

    // The thread

    private void run() {
        Forwarder forwarder = new Forwarder(calls, spoolFolder);
        while (!isOver()) {
            long wait;
            try {
                wait = work();
            } catch (RuntimeException defect) { // what it was about is tried again
                LOG.log(System.Logger.Level.ERROR, "The background writer has a defect.", defect);
                wait = POLL_NANOS;
            }
            settle();
            if (!isOver()) {
                mailbox.await(wait);
            }
        }
        for (PointChunk chunk = queue.take(true); chunk != null; chunk = queue.take(true)) {
            pack(chunk);
            backlog.settle(true);
        }
        try {
            forwarder.stop();
        } catch (InterruptedException ignored) {
            // Nobody interrupts this thread with a meaning.
        }
        courier.close();
        unwritten = backlog.leave();
        hasEnded = true;
        settle();
        flushes.forEach(flush -> flush.over.countDown());
    }

    private boolean isOver() {
        return isClosing
                && (pending() == 0 || System.nanoTime() - leaveAt >= 0 || calls.connection().isClosed());
    }

    /** Sends and hears what can be. Returns for how many nanoseconds nothing is to be done. */
    private long work() {
        boolean hurried = isHurried();
        long wait = courier.work(hurried);
        while (takesMore()) {
            PointChunk chunk = queue.take(takesAll());
            if (chunk == null) {
                break;
            }
            pack(chunk);
            wait = courier.work(hurried);
        }
        if (!backlog.isEmpty()) { // the spool file may be writable again
            wait = Math.min(wait, POLL_NANOS);
        }
        if (takesMore()) {
            wait = Math.min(wait, queue.untilRipe());
        } else if (queue.isCrowded()) {
            wait = Math.min(wait, SLOW_NANOS);
        }
        return isClosing ? Math.min(wait, leaveAt - System.nanoTime()) : wait;
    }

    private boolean isHurried() {
        return isClosing || !flushes.isEmpty();
    }

    /** Whether somebody waits for points that are in the queue. */
    private boolean takesAll() {
        return isClosing || flushes.stream().anyMatch(flush -> flush.points > queue.released());
    }

    /**
     * While the server answers, what exceeds memory waits in the queue, and in the end those who log wait some
     * milliseconds, rather than that all goes over the disk.
     */
    private boolean takesMore() {
        if (backlog.hasMemory()) {
            return true;
        }
        return backlog.hasRoom()
                && (courier.isAway() || queue.isCrowded() && (backlog.hasUnread() || isServerSlow()));
    }

    private boolean isServerSlow() {
        long now = System.nanoTime();
        if (backlog.doneCount() != lastDoneCount) {
            lastDoneCount = backlog.doneCount();
            lastDoneAt = now;
        }
        return now - lastDoneAt > SLOW_NANOS;
    }

    private void pack(PointChunk chunk) {
        try {
            BatchEncoder.Encoded encoded = encoder.encode(chunk);
            if (encoded.points() > 0) {
                backlog.put(new Batch(runId, encoded.points(), encoded.wire(), writerId, ++sequence));
            }
            for (BatchEncoder.RefusedKey refused : encoded.refused()) {
                losses.refuse(metric(refused.key()), refused.points(), badKey("it is no Unicode text."));
            }
        } catch (RuntimeException defect) { // must not end the thread
            losses.refuse(chunk.count + " points", chunk.count, defect);
        } finally {
            queue.release(chunk);
        }
    }

    private void settle() {
        queue.takesMore(backlog.hasRoom());
        long released = queue.released();
        for (Flush flush : flushes) {
            if (flush.batches < 0 && released >= flush.points) {
                flush.batches = backlog.putCount();
            }
            if (flush.batches >= 0 && backlog.doneCount() >= flush.batches) {
                flush.isDone = true;
                flush.over.countDown();
            }
        }
    }

    // What this client refuses by itself

    String metric(String key) {
        return "metric " + LogBatches.quoted(key) + " of run " + runId;
    }

    static RuntimeException badKey(String why) {
        return Errors.of(
                Status.INVALID_ARGUMENT.withDescription("Of the key, " + why),
                ErrorReason.ERROR_REASON_INVALID_FIELD,
                Map.of());
    }
}
