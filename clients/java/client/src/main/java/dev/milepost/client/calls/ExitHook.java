package dev.milepost.client.calls;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/**
 * What is open in this JVM, and one hook that ends it when the JVM does. While nothing is open there is no hook, so
 * that class loaders of finished jobs can go.
 *
 * @param <T> what is open
 */
public final class ExitHook<T> {
    private final Set<T> open = new LinkedHashSet<>();
    private final String name;
    private final Consumer<List<T>> end;
    private Thread hook;

    /**
     * Nothing is open yet.
     *
     * @param name of the thread that ends what is open
     * @param end ends what is open, in the order in which it was opened; the end of the JVM waits for it
     */
    public ExitHook(String name, Consumer<List<T>> end) {
        this.name = name;
        this.end = end;
    }

    /**
     * Notes what was opened. While the JVM ends already, it is left as it is.
     *
     * @param opened what was opened
     */
    public synchronized void add(T opened) {
        open.add(opened);
        if (hook == null) {
            Thread made = new Thread(this::endAll, name);
            try {
                Runtime.getRuntime().addShutdownHook(made);
                hook = made;
            } catch (IllegalStateException ending) {
                // Nothing can be done any more at the end: it has begun.
            }
        }
    }

    /**
     * Notes what was closed.
     *
     * @param closed what was opened before
     */
    public synchronized void remove(T closed) {
        open.remove(closed);
        if (open.isEmpty() && hook != null) {
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
                hook = null;
            } catch (IllegalStateException ending) {
                // The hook runs.
            }
        }
    }

    private void endAll() {
        List<T> left;
        synchronized (this) {
            left = List.copyOf(open);
        }
        end.accept(left);
    }
}
