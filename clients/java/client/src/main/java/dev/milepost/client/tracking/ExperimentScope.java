package dev.milepost.client.tracking;

import java.util.List;

/**
 * Experiments whose runs to look at.
 *
 * @param ids their ids, at most 1,000 together with the names; none of both for all experiments
 * @param names names of further ones, which are looked up when the answer is asked for; an unknown one is
 *     {@code EXPERIMENT_NOT_FOUND} then
 */
public record ExperimentScope(List<String> ids, List<String> names) {
    private static final ExperimentScope ALL = new ExperimentScope(List.of(), List.of());

    /** Copies both lists. */
    public ExperimentScope {
        ids = List.copyOf(ids);
        names = List.copyOf(names);
    }

    /** {@return all experiments} */
    public static ExperimentScope all() {
        return ALL;
    }

    /**
     * {@return experiments by their ids}
     *
     * @param ids at least one
     * @throws IllegalArgumentException for none
     */
    public static ExperimentScope of(String... ids) {
        return new ExperimentScope(some(ids), List.of());
    }

    /**
     * {@return experiments by their names}
     *
     * @param names at least one
     * @throws IllegalArgumentException for none
     */
    public static ExperimentScope named(String... names) {
        return new ExperimentScope(List.of(), some(names));
    }

    /** None would be all for the server, which a list that happens to be empty does not mean. */
    static List<String> some(String... experiments) {
        if (experiments.length == 0) {
            throw new IllegalArgumentException("No experiment is given. For the runs of all, say all().");
        }
        return List.of(experiments);
    }
}
