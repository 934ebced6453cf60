package dev.milepost.client.artifacts;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;

/** Work that follows other work. */
final class Following {
    private Following() {}

    /**
     * {@link CompletableFuture#thenCompose}, but that cancelling the whole cancels the part that is under way, and that
     * failures come as they are.
     */
    static <A, B> CompletableFuture<B> compose(CompletableFuture<A> first, Function<A, CompletableFuture<B>> then) {
        CompletableFuture<B> whole = new CompletableFuture<>();
        cancelWith(whole, first);
        first.whenComplete((done, error) -> {
            if (error != null) {
                whole.completeExceptionally(bare(error));
                return;
            }
            if (whole.isDone()) {
                return;
            }
            try {
                CompletableFuture<B> second = then.apply(done);
                cancelWith(whole, second);
                second.whenComplete((result, failure) -> {
                    if (failure != null) {
                        whole.completeExceptionally(bare(failure));
                    } else {
                        whole.complete(result);
                    }
                });
            } catch (RuntimeException failure) {
                whole.completeExceptionally(failure);
            }
        });
        return whole;
    }

    private static void cancelWith(CompletableFuture<?> whole, CompletableFuture<?> part) {
        whole.whenComplete((done, error) -> {
            if (whole.isCancelled()) {
                part.cancel(true);
            }
        });
    }

    private static Throwable bare(Throwable error) {
        return error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
    }
}
