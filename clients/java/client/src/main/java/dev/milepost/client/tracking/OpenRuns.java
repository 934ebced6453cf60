package dev.milepost.client.tracking;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * The active runs of this JVM, and the one hook that ends them as KILLED when it ends. Without one there is no hook, so
 * that class loaders of finished jobs can go.
 */
final class OpenRuns {
    /** How long the end of the JVM waits for the points of all runs, and then for their ends. */
    static final Duration EXIT_WAIT = Duration.ofSeconds(3);

    private static final Set<ActiveRun> OPEN = new LinkedHashSet<>();
    private static Thread hook;

    private OpenRuns() {}

    static synchronized void add(ActiveRun run) {
        OPEN.add(run);
        if (hook == null) {
            Thread made = new Thread(OpenRuns::endAll, "milepost-exit-runs");
            try {
                Runtime.getRuntime().addShutdownHook(made);
                hook = made;
            } catch (IllegalStateException alreadyEnding) {
                // It stays RUNNING, as that of a process that is killed.
            }
        }
    }

    static synchronized void remove(ActiveRun run) {
        OPEN.remove(run);
        if (OPEN.isEmpty() && hook != null) {
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
                hook = null;
            } catch (IllegalStateException ending) {
                // The hook runs.
            }
        }
    }

    private static void endAll() {
        List<ActiveRun> runs;
        synchronized (OpenRuns.class) {
            runs = List.copyOf(OPEN);
        }
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
