package dev.milepost.client.paging;

import dev.milepost.client.calls.Calls;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * A list of the server. Nothing is fetched before it is read; each reading begins anew. Reading may throw what a call
 * throws, {@link dev.milepost.client.errors.MilepostException}.
 *
 * @param <T> the items
 */
public final class Pages<T> implements Iterable<T> {
    /**
     * Fetches one page.
     *
     * @param <T> the items
     */
    @FunctionalInterface
    public interface Fetch<T> {
        /**
         * Begins to fetch a page.
         *
         * @param token {@code nextToken} of the page before; empty for the first page
         * @param size most items wanted; 0 for the server's default
         * @return the page
         */
        CompletableFuture<Page<T>> page(String token, int size);
    }

    private static final long NO_LIMIT = Long.MAX_VALUE;

    private final Fetch<T> fetch;
    private final int pageSize;
    private final long limit;

    /**
     * A list of everything.
     *
     * @param fetch fetches a page
     */
    public Pages(Fetch<T> fetch) {
        this(fetch, 0, NO_LIMIT);
    }

    private Pages(Fetch<T> fetch, int pageSize, long limit) {
        this.fetch = fetch;
        this.pageSize = pageSize;
        this.limit = limit;
    }

    /**
     * {@return the same list, cut after so many items}
     *
     * @param items items in all, 0 or more
     * @throws IllegalArgumentException for fewer than 0
     */
    public Pages<T> limit(long items) {
        if (items < 0) {
            throw new IllegalArgumentException("limit: " + items + " is below 0. Give the number of items wanted.");
        }
        return new Pages<>(fetch, pageSize, items);
    }

    /**
     * {@return the same list, fetched so many items at once}
     *
     * @param items most items of a page; 0 for the server's default
     * @throws IllegalArgumentException for fewer than 0
     */
    public Pages<T> pageSize(int items) {
        if (items < 0) {
            throw new IllegalArgumentException("pageSize: " + items + " is below 0. Give 0 for the server's default.");
        }
        return new Pages<>(fetch, items, limit);
    }

    /**
     * {@return the same list with its items made into others}
     *
     * @param <U> the new items
     * @param change makes one of the other
     */
    public <U> Pages<U> map(Function<? super T, ? extends U> change) {
        return new Pages<>((token, size) -> fetch.page(token, size).thenApply(page -> {
            List<U> items = new ArrayList<>(page.items().size());
            page.items().forEach(item -> items.add(change.apply(item)));
            return new Page<>(items, page.nextToken());
        }), pageSize, limit);
    }

    @Override
    public Iterator<T> iterator() {
        return new Reading();
    }

    /** {@return the items, fetched as the stream is consumed} */
    public Stream<T> stream() {
        return StreamSupport.stream(spliterator(), false);
    }

    /** {@return all items} */
    public List<T> toList() {
        List<T> all = new ArrayList<>();
        forEach(all::add);
        return all;
    }

    /** {@return all items, fetched without blocking the caller} */
    public CompletableFuture<List<T>> toListAsync() {
        return collect("", new ArrayList<>());
    }

    /** {@return the first item, if there is any; fetches no more than that} */
    public Optional<T> first() {
        Iterator<T> items = pageSize(1).limit(Math.min(limit, 1)).iterator();
        return items.hasNext() ? Optional.of(items.next()) : Optional.empty();
    }

    private CompletableFuture<List<T>> collect(String token, List<T> found) {
        if (found.size() >= limit) {
            return CompletableFuture.completedFuture(found);
        }
        return fetch.page(token, wanted(found.size())).thenCompose(page -> {
            long left = limit - found.size();
            found.addAll(page.items().subList(0, (int) Math.min(left, page.items().size())));
            return page.nextToken().isEmpty()
                    ? CompletableFuture.completedFuture(found)
                    : collect(page.nextToken(), found);
        });
    }

    private int wanted(long taken) {
        long left = limit - taken;
        if (limit == NO_LIMIT || (pageSize > 0 && pageSize < left)) {
            return pageSize;
        }
        return (int) Math.min(left, Integer.MAX_VALUE);
    }

    private final class Reading implements Iterator<T> {
        private Iterator<T> page = List.<T>of().iterator();
        private String token = "";
        private boolean last;
        private long taken;

        @Override
        public boolean hasNext() {
            while (!page.hasNext() && !last && taken < limit) {
                Page<T> next = Calls.await(fetch.page(token, wanted(taken)));
                page = next.items().iterator();
                token = next.nextToken();
                last = token.isEmpty();
            }
            return taken < limit && page.hasNext();
        }

        @Override
        public T next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            taken++;
            return page.next();
        }
    }
}
