package dev.milepost.client.tracking;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** The ids of a scope, whose names are looked up once, when the first page is asked for. */
public final class ScopeIds {
    private final Experiments experiments;
    private final ExperimentScope scope;
    private volatile List<String> known;

    /**
     * Asks nothing yet.
     *
     * @param experiments where names are looked up
     * @param scope the experiments
     */
    public ScopeIds(Experiments experiments, ExperimentScope scope) {
        this.experiments = experiments;
        this.scope = scope;
        this.known = scope.names().isEmpty() ? scope.ids() : null;
    }

    /** {@return the ids; none for all experiments} */
    public CompletableFuture<List<String>> get() {
        if (known != null) {
            return CompletableFuture.completedFuture(known);
        }
        CompletableFuture<List<String>> found = CompletableFuture.completedFuture(new ArrayList<>(scope.ids()));
        for (String name : scope.names()) {
            found = found.thenCombine(experiments.getByNameAsync(name), (ids, experiment) -> {
                ids.add(experiment.id());
                return ids;
            });
        }
        return found.thenApply(ids -> known = List.copyOf(ids));
    }
}
