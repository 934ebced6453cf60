package dev.milepost.client.writer;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Points on their way from the threads that log to the one that sends. A chunk is taken when it is full, or when its
 * first point is old enough, or when somebody waits.
 */
final class PointQueue {
    /** Most points in one batch: what a server stores in some milliseconds. */
    static final int BATCH_POINTS = 20_000;

    /** What {@link #add} returns when a point was not queued. */
    static final int FULL = 0;
    /** Likewise. */
    static final int CLOSED = -1;
    /** Likewise. */
    static final int KEY_TOO_LONG = -2;

    /** With it, and columns of the longest varints, a batch stays below 1 MiB. */
    static final int MAX_KEY_BYTES = 400_000;

    private static final int FIRST_POINTS = 1024;
    private static final int KEY_OVERHEAD = 40;
    private static final int MAX_SLOTS_BYTES = 1 << 20;
    private static final long FULL_WAIT_NANOS = TimeUnit.MILLISECONDS.toNanos(80);

    private final long maxBytes;
    private final long delayNanos;
    private final Runnable wake;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition room = lock.newCondition();
    private final ArrayDeque<PointChunk> full = new ArrayDeque<>();
    private PointChunk filling = new PointChunk(0);
    private int chunkNumber;
    private int nextCapacity = FIRST_POINTS;
    private long oldest;
    private long bytes;
    private long added;
    private long released;
    private boolean closed;
    private boolean stalled;
    private boolean takesMore = true;

    // The number of a key in the chunk that is being filled; most calls are about the same key as the one before.
    private final Map<String, KeySlot> slots = new HashMap<>();
    private long slotsBytes;
    private String lastKey;
    private int lastNumber;

    /**
     * An empty queue.
     *
     * @param maxBytes most bytes of points; half as many more when the thread that takes is slow
     * @param delay how long a point waits for others
     * @param wake wakes the thread that takes
     */
    PointQueue(long maxBytes, Duration delay, Runnable wake) {
        this.maxBytes = maxBytes;
        this.delayNanos = delay.toNanos();
        this.wake = wake;
    }

    /** Queues a point. Returns 1, or why not. */
    int add(String key, double value, long step, long timestampMs) {
        lock.lock();
        try {
            if (key != lastKey || filling.isFull()) {
                int refusal = prepare(key);
                if (refusal != 1) {
                    return refusal;
                }
            }
            filling.add(lastNumber, value, step, timestampMs);
            added++;
            if (filling.isFull()) {
                wake.run();
            }
            return 1;
        } finally {
            lock.unlock();
        }
    }

    /** Queues points of one key, from {@code from} on. Returns how many, at least one, or why not. */
    int addColumns(String key, double[] values, long[] steps, long[] timestampsMs, int from) {
        lock.lock();
        try {
            int refusal = prepare(key);
            if (refusal != 1) {
                return refusal;
            }
            PointChunk chunk = filling;
            int place = chunk.count;
            int number = Math.min(values.length - from, chunk.values.length - place);
            Arrays.fill(chunk.keyNumbers, place, place + number, lastNumber);
            System.arraycopy(values, from, chunk.values, place, number);
            System.arraycopy(steps, from, chunk.steps, place, number);
            System.arraycopy(timestampsMs, from, chunk.timestampsMs, place, number);
            chunk.count += number;
            added += number;
            if (chunk.isFull()) {
                wake.run();
            }
            return number;
        } finally {
            lock.unlock();
        }
    }

    /** Takes no more points. */
    void close() {
        lock.lock();
        try {
            closed = true;
            lastKey = null;
            room.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** {@return how many points were queued so far} */
    long added() {
        lock.lock();
        try {
            return added;
        } finally {
            lock.unlock();
        }
    }

    /** {@return how many points were queued and not released} */
    long size() {
        lock.lock();
        try {
            return added - released;
        } finally {
            lock.unlock();
        }
    }

    // For the thread that takes

    /** {@return the next chunk, to be given to {@link #release}, or null when none is ripe} */
    PointChunk take(boolean hurried) {
        lock.lock();
        try {
            if (!full.isEmpty()) {
                return full.poll();
            }
            if (filling.count == 0 || !hurried && !filling.isFull() && age() < delayNanos) {
                return null;
            }
            PointChunk chunk = filling;
            replaceFilling(new PointChunk(0));
            nextCapacity = Math.max(FIRST_POINTS, Math.min(BATCH_POINTS, 2 * chunk.count));
            return chunk;
        } finally {
            lock.unlock();
        }
    }

    /** {@return in how many nanoseconds a chunk is ripe, 0 or less when one is; {@code Long.MAX_VALUE}: none at all} */
    long untilRipe() {
        lock.lock();
        try {
            if (!full.isEmpty()) {
                return 0;
            }
            if (filling.count == 0) {
                return Long.MAX_VALUE;
            }
            return filling.isFull() ? 0 : delayNanos - age();
        } finally {
            lock.unlock();
        }
    }

    /** Frees the memory of a chunk whose points are elsewhere now. */
    void release(PointChunk chunk) {
        lock.lock();
        try {
            bytes -= chunk.bytes();
            released += chunk.count;
            room.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** {@return how many points were queued and released again} */
    long released() {
        lock.lock();
        try {
            return released;
        } finally {
            lock.unlock();
        }
    }

    /** {@return whether so much waits that it is better written to disk than held} */
    boolean isCrowded() {
        lock.lock();
        try {
            return bytes > maxBytes / 2;
        } finally {
            lock.unlock();
        }
    }

    /** Says whether the thread goes on taking; otherwise those that log wait only once. */
    void takesMore(boolean doesSo) {
        lock.lock();
        try {
            takesMore = doesSo;
            if (doesSo) {
                stalled = false;
            }
        } finally {
            lock.unlock();
        }
    }

    // With the lock held

    private int prepare(String key) {
        if (closed) {
            return CLOSED;
        }
        KeySlot slot = slots.get(key);
        boolean isNew = slot == null || slot.chunk != chunkNumber;
        int size = isNew || filling.isFull() ? 3 * Math.min(key.length(), MAX_KEY_BYTES) + KEY_OVERHEAD : 0;
        if (size > MAX_KEY_BYTES) {
            return KEY_TOO_LONG;
        }
        while (filling.isFull() || isNew && filling.keyBytes + size > MAX_KEY_BYTES) {
            if (!waitForRoom(PointChunk.bytes(nextCapacity))) {
                return closed ? CLOSED : FULL;
            }
            // Another thread may have been here meanwhile.
            if (filling.isFull() || filling.keyBytes + size > MAX_KEY_BYTES) {
                begin();
            }
        }
        slot = slots.get(key);
        if (slot == null || slot.chunk != chunkNumber) {
            slot = enter(key, size);
        }
        if (filling.count == 0) {
            oldest = System.nanoTime();
            wake.run();
        }
        lastKey = key;
        lastNumber = slot.number;
        return 1;
    }

    private void begin() {
        if (filling.count > 0) {
            full.add(filling);
        }
        replaceFilling(new PointChunk(nextCapacity));
        bytes += filling.bytes();
        nextCapacity = Math.min(BATCH_POINTS, 2 * nextCapacity);
        if (slotsBytes > MAX_SLOTS_BYTES) {
            slots.clear();
            slotsBytes = 0;
        }
    }

    private void replaceFilling(PointChunk chunk) {
        filling = chunk;
        chunkNumber++;
        lastKey = null;
    }

    private KeySlot enter(String key, int size) {
        KeySlot slot = slots.get(key);
        if (slot == null) {
            slot = new KeySlot();
            slots.put(key, slot);
            slotsBytes += size;
        }
        slot.chunk = chunkNumber;
        slot.number = filling.keys.size();
        filling.keys.add(key);
        filling.keyBytes += size;
        bytes += size;
        return slot;
    }

    private boolean waitForRoom(long needed) {
        if (bytes + needed <= maxBytes) {
            return true;
        }
        // Once a point was lost, waiting again before anything was taken would only slow the program down.
        if (stalled) {
            return false;
        }
        wake.run();
        long left = FULL_WAIT_NANOS;
        try {
            while (bytes + needed > maxBytes && left > 0 && !closed) {
                left = room.awaitNanos(left);
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        if (closed || bytes + needed <= maxBytes) {
            return !closed;
        }
        // A thread that is merely slow, on a busy machine, holds those that log back by the wait for each chunk.
        stalled = !takesMore || bytes + needed > maxBytes + maxBytes / 2;
        return !stalled;
    }

    private long age() {
        return System.nanoTime() - oldest;
    }

    private static final class KeySlot {
        int chunk = -1;
        int number;
    }
}
