package dev.milepost.client.tracking;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.paging.Page;
import dev.milepost.client.paging.Pages;
import dev.milepost.v1.ExperimentDataset;
import dev.milepost.v1.ListDatasetsRequest;
import dev.milepost.v1.TrackingServiceGrpc;

/** Verbs on datasets, which runs record by {@link Runs#logInputs}. */
public final class Datasets {
    private final Calls calls;

    /**
     * Verbs over a connection.
     *
     * @param calls the connection
     */
    public Datasets(Calls calls) {
        this.calls = calls;
    }

    /**
     * {@return the datasets that runs read, by name and digest, each with the parts that it plays}
     *
     * @param scope the experiments of the runs
     */
    public Pages<ExperimentDataset> list(ExperimentScope scope) {
        ScopeIds ids = new ScopeIds(new Experiments(calls), scope);
        return new Pages<>((token, size) -> ids.get().thenCompose(found -> calls.start(
                TrackingServiceGrpc.getListDatasetsMethod(),
                ListDatasetsRequest.newBuilder()
                        .addAllExperimentIds(found)
                        .setPageToken(token)
                        .setPageSize(size)
                        .build(),
                answer -> new Page<>(answer.getDatasetsList(), answer.getNextPageToken()))));
    }
}
