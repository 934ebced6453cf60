package dev.milepost.client.tracking;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.paging.Page;
import dev.milepost.client.paging.Pages;
import dev.milepost.v1.CountRunsRequest;
import dev.milepost.v1.CountRunsResponse;
import dev.milepost.v1.ListRunKeysRequest;
import dev.milepost.v1.ListRunValuesRequest;
import dev.milepost.v1.ListRunsResponse;
import dev.milepost.v1.RunGroup;
import dev.milepost.v1.RunValue;
import dev.milepost.v1.TrackingServiceGrpc;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** Calls over the runs of some experiments. */
final class RunQueries {
    private final Calls calls;
    private final ScopeIds ids;

    RunQueries(Calls calls, ExperimentScope scope) {
        this.calls = calls;
        ids = new ScopeIds(new Experiments(calls), scope);
    }

    <T> Pages<T> list(RunQuery query, Function<ListRunsResponse, Page<T>> read) {
        return new Pages<>((token, size) -> ids.get().thenCompose(found -> calls.start(
                TrackingServiceGrpc.getListRunsMethod(),
                query.request().toBuilder()
                        .addAllExperimentIds(found)
                        .setPageToken(token)
                        .setPageSize(size)
                        .build(),
                read)));
    }

    CompletableFuture<Long> count(RunQuery query) {
        return ids.get().thenCompose(found -> calls.start(
                TrackingServiceGrpc.getCountRunsMethod(),
                CountRunsRequest.newBuilder()
                        .addAllExperimentIds(found)
                        .setFilter(query.request().getFilter())
                        .setView(query.request().getView())
                        .build(),
                CountRunsResponse::getRuns));
    }

    Pages<RunGroup> group(RunQuery query, RunGrouping grouping) {
        return new Pages<>((token, size) -> ids.get().thenCompose(found -> calls.start(
                TrackingServiceGrpc.getGroupRunsMethod(),
                grouping.request().toBuilder()
                        .addAllExperimentIds(found)
                        .setFilter(query.request().getFilter())
                        .setView(query.request().getView())
                        .setPageToken(token)
                        .setPageSize(size)
                        .build(),
                answer -> new Page<>(answer.getGroupsList(), answer.getNextPageToken()))));
    }

    Pages<String> keys(ListRunKeysRequest.Kind kind, String prefix) {
        return new Pages<>((token, size) -> ids.get().thenCompose(found -> calls.start(
                TrackingServiceGrpc.getListRunKeysMethod(),
                ListRunKeysRequest.newBuilder()
                        .addAllExperimentIds(found)
                        .setKind(kind)
                        .setPrefix(prefix)
                        .setPageToken(token)
                        .setPageSize(size)
                        .build(),
                answer -> new Page<>(answer.getKeysList(), answer.getNextPageToken()))));
    }

    Pages<RunValue> values(String column, String prefix) {
        return new Pages<>((token, size) -> ids.get().thenCompose(found -> calls.start(
                TrackingServiceGrpc.getListRunValuesMethod(),
                ListRunValuesRequest.newBuilder()
                        .addAllExperimentIds(found)
                        .setColumn(column)
                        .setPrefix(prefix)
                        .setPageToken(token)
                        .setPageSize(size)
                        .build(),
                answer -> new Page<>(answer.getValuesList(), answer.getNextPageToken()))));
    }
}
