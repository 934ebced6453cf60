package dev.milepost.client.tracking;

/**
 * Work in a run that has a result, and may throw.
 *
 * @param <T> the result
 * @param <E> what it throws
 */
@FunctionalInterface
public interface RunFunction<T, E extends Exception> {
    /**
     * Does the work.
     *
     * @param run the run
     * @return the result
     * @throws E when it fails
     */
    T apply(ActiveRun run) throws E;
}
