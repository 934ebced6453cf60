package dev.milepost.client.tracking;

import dev.milepost.client.calls.ExitHook;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** The active runs of this JVM, which end as KILLED when it does. */
final class OpenRuns {
    /** How long the end of the JVM waits for the points of all runs, and then for their ends. */
    static final Duration EXIT_WAIT = Duration.ofSeconds(3);

    private static final ExitHook<ActiveRun> OPEN = new ExitHook<>("milepost-exit-runs", OpenRuns::endAll);

    private OpenRuns() {}

    static void add(ActiveRun run) {
        OPEN.add(run);
    }

    static void remove(ActiveRun run) {
        OPEN.remove(run);
    }

    private static void endAll(List<ActiveRun> runs) {
        // Points first, so that a run that has ended is whole. Writers have a hook of their own, which runs beside
        // this one.
        long deadline = System.nanoTime() + EXIT_WAIT.toNanos();
        runs.forEach(run -> run.flushAtExit(Duration.ofNanos(Math.max(deadline - System.nanoTime(), 0))));
        List<CompletableFuture<?>> ends = new ArrayList<>();
        runs.forEach(run -> ends.add(run.endAtExit()));
        CompletableFuture.allOf(ends.toArray(CompletableFuture[]::new))
                .completeOnTimeout(null, 2 * EXIT_WAIT.toMillis(), TimeUnit.MILLISECONDS)
                .join();
    }
}
