package dev.milepost.client.watching;

import dev.milepost.client.calls.Connection;
import dev.milepost.client.errors.MilepostException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Changes as they are committed. Goes on over broken connections and restarts of servers, and loses nothing. The server
 * sends no more than is read: a slow reader gets changes that came meanwhile together.
 *
 * <pre>{@code
 * try (var updates = client.metrics().watch(runId, "loss")) {
 *     while (updates.hasNext()) {
 *         MetricUpdate update = updates.next();
 *         ...
 *     }
 * }
 * }</pre>
 *
 * <p>It ends when what it watches was purged, or when it is closed. One thread reads it; {@link #close} may be called
 * from any. Nothing is sent before it is read, or {@linkplain #start started}.
 *
 * @param <T> the changes
 */
public final class Watch<T> implements Iterator<T>, AutoCloseable {
    private final Course<?, ?> course;
    private final Supplier<List<T>> receive;
    private final Deque<T> items = new ArrayDeque<>();
    private String token;

    private Watch(Course<?, ?> course, Supplier<List<T>> receive) {
        this.course = course;
        this.receive = receive;
        token = course.token();
    }

    static <A, T> Watch<T> of(Course<?, A> course, Function<A, List<T>> read) {
        return new Watch<>(course, () -> course.receive().map(read).orElse(List.of()));
    }

    /**
     * Waits until the server watches: what happens from then on is not missed.
     *
     * @return this watch
     * @throws MilepostException as {@link #hasNext}
     */
    public Watch<T> start() {
        while (!course.begun() && !course.ended()) {
            items.addAll(receive.get());
        }
        return this;
    }

    /**
     * {@return whether there is another change; waits until there is, or the watch ends}
     *
     * @throws MilepostException when the server refused, when there was no connection for as long as the client's
     *     timeout, when the client was closed, and when the thread was interrupted ({@code CANCELLED}; the interrupt is
     *     left set). A later call tries again, and nothing is lost
     */
    @Override
    public boolean hasNext() {
        while (items.isEmpty()) {
            if (course.ended()) {
                return false;
            }
            token = course.token();
            items.addAll(receive.get());
        }
        return true;
    }

    /**
     * {@return the next change; waits for it}
     *
     * @throws NoSuchElementException when the watch has ended
     * @throws MilepostException as {@link #hasNext}
     */
    @Override
    public T next() {
        if (!hasNext()) {
            throw new NoSuchElementException("The watch has ended.");
        }
        return items.remove();
    }

    /**
     * {@return what another watch of the same goes on from, behind what {@link #next} returned last; empty before the
     * first change} Changes that were committed together come again together. For the thread that reads.
     */
    public String resumeToken() {
        return items.isEmpty() ? course.token() : token;
    }

    /** {@return the changes, as a stream that waits for them; closing it closes the watch} */
    public Stream<T> stream() {
        Spliterator<T> changes =
                Spliterators.spliteratorUnknownSize(this, Spliterator.ORDERED | Spliterator.NONNULL);
        return StreamSupport.stream(changes, false).onClose(this::close);
    }

    /**
     * {@return this watch with its changes made into others; only the new one may be read from then on}
     *
     * @param <U> the new changes
     * @param change makes one of the other, never null
     */
    public <U> Watch<U> map(Function<? super T, ? extends U> change) {
        Function<T, U> made = item -> Objects.requireNonNull(change.apply(item), "change");
        Watch<U> mapped = new Watch<>(course, () -> receive.get().stream().map(made).toList());
        mapped.token = token;
        items.stream().map(made).forEach(mapped.items::add);
        return mapped;
    }

    /**
     * Gives the changes to a listener, one after another, on a daemon thread of its own. While it is at work no further
     * change is fetched. Only the listener may use the watch from then on, but for {@link #close}.
     *
     * @param listener takes each change; what it throws ends the watch
     * @return completes when the watch has ended; fails with what the listener or {@link #hasNext} threw. Cancelling it
     *     closes the watch
     */
    public CompletableFuture<Void> forEachAsync(Consumer<? super T> listener) {
        CompletableFuture<Void> end = new CompletableFuture<>();
        end.whenComplete((done, error) -> close());
        Thread reader = Connection.daemon("milepost-watch").newThread(() -> {
            try {
                forEachRemaining(listener);
                end.complete(null);
            } catch (Throwable error) {
                end.completeExceptionally(error);
            }
        });
        reader.start();
        return end;
    }

    /** Ends it, also from another thread: {@link #hasNext} that waits there then returns false. */
    @Override
    public void close() {
        course.end();
    }

    @Override
    public String toString() {
        return "Watch(" + course + ")";
    }
}
