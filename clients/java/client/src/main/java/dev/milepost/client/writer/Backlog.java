package dev.milepost.client.writer;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;

/**
 * A queue of batches that were not answered yet, for one thread.
 *
 * <p>In order, it has three parts: batches in memory that are being sent, batches on disk only, and new batches in
 * memory. While the server keeps up only the first is ever used. When it outgrows its bound, or the server is away, all
 * of it is written to the spool file, and new batches behind it; they are read back as the first part shrinks. So the
 * file holds all that comes before its end, and when the program dies nothing is missing in between. It is removed when
 * all of it was answered.
 */
final class Backlog {
    private static final long SPOOL_RETRY_NANOS = TimeUnit.SECONDS.toNanos(5);

    private final SpoolSource createSpool;
    private final long spoolBytes;
    private final long memoryBytes;
    private final ArrayDeque<Pending> sending = new ArrayDeque<>();
    private final ArrayDeque<Batch> fresh = new ArrayDeque<>();
    private Spool spool;
    private long readTo;
    private long sendingBytes;
    private long spoolRetry = System.nanoTime();
    private long unreadValues;
    private long unreadCount;
    private volatile long values;
    private long putCount;
    private long doneCount;
    private long damagedBytes;
    private long damagedValues;

    /** Makes the file. It, and every use of the file, may fail: the batches then stay in memory. */
    @FunctionalInterface
    interface SpoolSource {
        Spool create() throws IOException;
    }

    /** An empty backlog. */
    Backlog(SpoolSource createSpool, long spoolBytes, long memoryBytes) {
        this.createSpool = createSpool;
        this.spoolBytes = spoolBytes;
        this.memoryBytes = memoryBytes;
    }

    /** The backlog of a file that another process, or a closed writer, left. */
    Backlog(Spool left, long memoryBytes) {
        this(() -> left, left.size(), memoryBytes);
        spool = left;
        readTo = left.first();
        scan();
    }

    /** {@return whether more may be put; otherwise memory is full and the spool file cannot take anything} */
    boolean hasRoom() {
        return fresh.isEmpty();
    }

    /** {@return whether what is put next can stay in memory} */
    boolean hasMemory() {
        return fresh.isEmpty() && !hasUnread() && sendingBytes < memoryBytes;
    }

    /** {@return whether everything was answered} */
    boolean isEmpty() {
        return sending.isEmpty() && fresh.isEmpty() && !hasUnread();
    }

    /** {@return points, params and tags of the batches that were put and neither answered nor damaged} */
    long values() {
        return values;
    }

    /** {@return how many batches were put} */
    long putCount() {
        return putCount;
    }

    /** {@return how many of the batches that were put are done, from the first without a gap} */
    long doneCount() {
        return doneCount;
    }

    /** {@return bytes of the spool file that were found damaged} */
    long damagedBytes() {
        return damagedBytes;
    }

    /** {@return how many values were in them, as far as this process knows} */
    long damagedValues() {
        return damagedValues;
    }

    /** Adds a batch behind the others. */
    void put(Batch batch) {
        fresh.add(batch);
        addValues(batch.values());
        putCount++;
    }

    /** {@return the next batch to be sent, in order, as far as memory allows; null when there is none now} */
    Pending take() {
        Pending loaded = load();
        if (loaded != null || fresh.isEmpty() || hasUnread()) {
            return loaded;
        }
        return fits(fresh.peek()) ? send(fresh.poll(), 0) : null;
    }

    /** Writes to disk what does not fit into memory, and everything when the server is away. */
    void settle(boolean isAway) {
        boolean isDue = !fresh.isEmpty() || isAway && hasUnwritten();
        if (isDue && System.nanoTime() - spoolRetry >= 0) {
            spill();
        }
    }

    /** Forgets a batch that was answered. */
    void done(Pending pending) {
        pending.answered = true;
        addValues(-pending.batch.values());
        long end = 0;
        while (!sending.isEmpty() && sending.peek().answered) {
            Pending first = sending.poll();
            sendingBytes -= first.batch.wire().length;
            doneCount++;
            end = first.end > 0 ? first.end : end;
        }
        if (spool != null && end > 0) {
            try {
                spool.mark(end);
            } catch (IOException unmarked) {
                // Then it may be sent again, and is no twin.
            }
            removeAnswered();
        }
    }

    /**
     * Writes what was not answered to the spool file and gives that up, for another process. Returns how many values
     * found no room there.
     */
    long leave() {
        if (!isEmpty()) {
            spill();
        }
        long unwritten = fresh.stream().mapToLong(Batch::values).sum();
        for (Pending pending : sending) {
            unwritten += pending.end == 0 && !pending.answered ? pending.batch.values() : 0;
        }
        if (spool != null) {
            spool.close();
            spool = null;
        }
        return unwritten;
    }

    /** Writes all that is in memory only to the spool file. */
    private void spill() {
        try {
            if (spool == null) {
                spool = createSpool.create();
                readTo = spool.first();
            }
            for (Pending pending : sending) {
                if (pending.end == 0 && !pending.answered) {
                    pending.end = spool.append(pending.batch, spoolBytes);
                    readTo = pending.end;
                }
            }
            while (!fresh.isEmpty()) {
                spool.append(fresh.peek(), spoolBytes);
                unreadValues += fresh.poll().values();
                unreadCount++;
            }
        } catch (IOException refused) {
            spoolRetry = System.nanoTime() + SPOOL_RETRY_NANOS;
        }
    }

    private boolean hasUnwritten() {
        Pending last = sending.peekLast();
        return last != null && last.end == 0 && !last.answered;
    }

    /** {@return whether batches are on disk only} */
    boolean hasUnread() {
        return spool != null && readTo < spool.size();
    }

    private boolean fits(Batch batch) {
        return sending.isEmpty() || sendingBytes + batch.wire().length <= memoryBytes;
    }

    private Pending send(Batch batch, long end) {
        Pending pending = new Pending(batch, end);
        sending.add(pending);
        sendingBytes += batch.wire().length;
        return pending;
    }

    private Pending load() {
        if (!hasUnread() || sendingBytes > memoryBytes / 2) {
            return null;
        }
        try {
            Spool.Record next = spool.read(readTo);
            readTo = next.end();
            unreadValues -= next.batch().values();
            unreadCount--;
            return send(next.batch(), next.end());
        } catch (SpoolDamagedException | IOException error) {
            cut();
            return null;
        }
    }

    /** Counts what another process left. */
    private void scan() {
        long offset = readTo;
        while (offset < spool.size()) {
            try {
                Spool.Record next = spool.read(offset);
                offset = next.end();
                addValues(next.batch().values());
                unreadValues += next.batch().values();
                putCount++;
                unreadCount++;
            } catch (SpoolDamagedException | IOException error) {
                cutFile(offset);
                break;
            }
        }
        removeAnswered();
    }

    /** Gives up what was not read of the file. */
    private void cut() {
        cutFile(readTo);
        damagedValues += unreadValues;
        addValues(-unreadValues);
        doneCount += unreadCount;
        unreadValues = 0;
        unreadCount = 0;
        removeAnswered();
    }

    private void cutFile(long offset) {
        try {
            damagedBytes += spool.cut(offset);
        } catch (IOException uncut) {
            // It is found again by the next process.
        }
    }

    private void removeAnswered() {
        boolean holdsFirst = !sending.isEmpty() && sending.peek().end > 0;
        if (spool != null && !hasUnread() && !holdsFirst) {
            spool.remove();
            spool = null;
        }
    }

    private void addValues(long change) {
        values = values + change;
    }
}
