package dev.milepost.client.tracking;

/**
 * Work in a run, which may throw.
 *
 * @param <E> what it throws
 */
@FunctionalInterface
public interface RunAction<E extends Exception> {
    /**
     * Does the work.
     *
     * @param run the run
     * @throws E when it fails
     */
    void accept(ActiveRun run) throws E;
}
