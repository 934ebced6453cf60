package dev.milepost.client.writer;

import java.util.ArrayDeque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** How other threads come to the one that delivers: they have something done, or wake it. */
final class Mailbox {
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final ArrayDeque<Runnable> events = new ArrayDeque<>();
    private boolean isSignalled;

    /** Has something done by the thread that delivers. */
    void post(Runnable event) {
        lock.lock();
        try {
            events.add(event);
            changed.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Has the thread that delivers look around. */
    void wake() {
        lock.lock();
        try {
            isSignalled = true;
            changed.signal();
        } finally {
            lock.unlock();
        }
    }

    /** {@return the next event, or null when there is none} */
    Runnable poll() {
        lock.lock();
        try {
            return events.poll();
        } finally {
            lock.unlock();
        }
    }

    /** Waits until something came since the last time, or a time is up. */
    void await(long nanos) {
        long left = Math.min(nanos, TimeUnit.DAYS.toNanos(1));
        lock.lock();
        try {
            while (events.isEmpty() && !isSignalled && left > 0) {
                left = changed.awaitNanos(left);
            }
            isSignalled = false;
        } catch (InterruptedException ignored) {
            // Nobody interrupts the threads of this package with a meaning.
        } finally {
            lock.unlock();
        }
    }
}
