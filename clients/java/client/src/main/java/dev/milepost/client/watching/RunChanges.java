package dev.milepost.client.watching;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * What is new among the runs of an experiment.
 *
 * @param <R> the runs
 * @param runs those that are new or changed, whole; a deleted one says so
 * @param purgedRunIds ids of those that were removed for good. Those purged while nobody watched are not told
 */
public record RunChanges<R>(List<R> runs, List<String> purgedRunIds) {
    /**
     * Copies the lists.
     *
     * @param runs see the record
     * @param purgedRunIds see the record
     */
    public RunChanges {
        runs = List.copyOf(runs);
        purgedRunIds = List.copyOf(purgedRunIds);
    }

    /**
     * {@return the same with its runs made into others}
     *
     * @param <S> the new runs
     * @param change makes one of the other
     */
    public <S> RunChanges<S> map(Function<? super R, ? extends S> change) {
        List<S> changed = new ArrayList<>(runs.size());
        runs.forEach(run -> changed.add(change.apply(run)));
        return new RunChanges<>(changed, purgedRunIds);
    }
}
