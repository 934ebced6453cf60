package dev.milepost.client.artifacts;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/**
 * Works on several items, a few at a time.
 *
 * @param <I> the items
 * @param <T> what becomes of each
 */
final class InParallel<I, T> {
    private static final int AT_ONCE = 4;

    private final CompletableFuture<List<T>> result = new CompletableFuture<>();
    private final List<CompletableFuture<T>> begun = new ArrayList<>();
    private final List<I> items;
    private final Function<I, CompletableFuture<T>> work;
    private int left;

    private InParallel(List<I> items, Function<I, CompletableFuture<T>> work) {
        this.items = items;
        this.work = work;
        left = items.size();
    }

    /** Begins; the results come in the order of the items. The first failure, or a cancellation, cancels the rest. */
    static <I, T> CompletableFuture<List<T>> all(List<I> items, Function<I, CompletableFuture<T>> work) {
        InParallel<I, T> all = new InParallel<>(items, work);
        all.result.whenComplete((done, error) -> {
            if (error != null) {
                all.begun().forEach(one -> one.cancel(true));
            }
        });
        if (items.isEmpty()) {
            all.result.complete(List.of());
        }
        for (int count = Math.min(AT_ONCE, items.size()); count > 0; count--) {
            all.next();
        }
        return all.result;
    }

    private void next() {
        CompletableFuture<T> one;
        synchronized (this) {
            if (result.isDone() || begun.size() == items.size()) {
                return;
            }
            one = work.apply(items.get(begun.size()));
            begun.add(one);
        }
        if (result.isDone()) { // and perhaps cancelled all but this one
            one.cancel(true);
        }
        one.whenComplete((done, error) -> {
            if (error != null) {
                result.completeExceptionally(error);
            } else if (isLast()) {
                result.complete(begun().stream().map(CompletableFuture::join).toList());
            } else {
                next();
            }
        });
    }

    private synchronized boolean isLast() {
        left--;
        return left == 0;
    }

    private synchronized List<CompletableFuture<T>> begun() {
        return List.copyOf(begun);
    }
}
