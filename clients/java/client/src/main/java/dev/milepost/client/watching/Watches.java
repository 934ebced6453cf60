package dev.milepost.client.watching;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.values.Masks;
import dev.milepost.v1.MetricServiceGrpc;
import dev.milepost.v1.RegistryEvent;
import dev.milepost.v1.RegistryServiceGrpc;
import dev.milepost.v1.Run;
import dev.milepost.v1.TrackingServiceGrpc;
import dev.milepost.v1.WatchExperimentRequest;
import dev.milepost.v1.WatchExperimentResponse;
import dev.milepost.v1.WatchMetricsRequest;
import dev.milepost.v1.WatchMetricsResponse;
import dev.milepost.v1.WatchRegistryRequest;
import dev.milepost.v1.WatchRegistryResponse;
import dev.milepost.v1.WatchRunRequest;
import dev.milepost.v1.WatchRunResponse;
import java.util.List;

/** What can be watched. Each watch gives up after as long without a connection as the calls' timeout. */
public final class Watches {
    private static final Course.Method<WatchRunRequest, WatchRunResponse> RUN = new Course.Method<>(
            TrackingServiceGrpc.getWatchRunMethod(),
            (request, token) -> request.toBuilder().setResumeToken(token).build(),
            WatchRunResponse::getResumeToken);
    private static final Course.Method<WatchExperimentRequest, WatchExperimentResponse> EXPERIMENT =
            new Course.Method<>(
                    TrackingServiceGrpc.getWatchExperimentMethod(),
                    (request, token) -> request.toBuilder().setResumeToken(token).build(),
                    WatchExperimentResponse::getResumeToken);
    private static final Course.Method<WatchMetricsRequest, WatchMetricsResponse> METRICS = new Course.Method<>(
            MetricServiceGrpc.getWatchMetricsMethod(),
            (request, token) -> request.toBuilder().setResumeToken(token).build(),
            WatchMetricsResponse::getResumeToken);
    private static final Course.Method<WatchRegistryRequest, WatchRegistryResponse> REGISTRY = new Course.Method<>(
            RegistryServiceGrpc.getWatchRegistryMethod(),
            (request, token) -> request.toBuilder().setResumeToken(token).build(),
            WatchRegistryResponse::getResumeToken);

    private Watches() {}

    /**
     * {@return a run as it is now, and again, whole, each time that it has changed} Ends when the run is purged. Its
     * resume token is of no use to another watch, which begins with the whole run.
     *
     * @param calls the calls
     * @param runId the run
     * @param fields fields to read, for example {@code state}; changes of others are not told; none for all
     */
    public static Watch<Run> run(Calls calls, String runId, List<String> fields) {
        WatchRunRequest.Builder request = WatchRunRequest.newBuilder().setRunId(runId);
        if (!fields.isEmpty()) {
            request.setReadMask(Masks.of(fields.toArray(String[]::new)));
        }
        RunReader reader = new RunReader();
        return Watch.of(new Course<>(calls, RUN, request.build(), ""), reader::read);
    }

    /**
     * {@return the runs of an experiment as they are created, changed and removed} The first item comes at once. Ends
     * when the experiment is purged.
     *
     * @param calls the calls
     * @param wanted the experiment
     */
    public static Watch<RunChanges<Run>> experiment(Calls calls, WatchedExperiment wanted) {
        return Watch.of(
                new Course<>(calls, EXPERIMENT, wanted.request(), wanted.request().getResumeToken()),
                message -> List.of(new RunChanges<>(message.getRunsList(), message.getPurgedRunIdsList())));
    }

    /**
     * {@return metric points of runs: those stored so far, then each new one once} Ends when it is closed.
     *
     * @param calls the calls
     * @param wanted the runs and metrics
     */
    public static Watch<MetricUpdate> metrics(Calls calls, WatchedMetrics wanted) {
        return Watch.of(
                new Course<>(calls, METRICS, wanted.request(), wanted.request().getResumeToken()),
                message -> message.getSeriesList().stream().map(MetricUpdate::new).toList());
    }

    /**
     * {@return events of the registry as they happen, in order, none left out and none twice} Ends when it is closed.
     *
     * @param calls the calls
     * @param name only events of this registered model, by its name at the time of the event; empty for all
     * @param resumeToken {@link Watch#resumeToken} of an earlier watch of the same: what happened since comes first;
     *     empty: from now on
     */
    public static Watch<RegistryEvent> registry(Calls calls, String name, String resumeToken) {
        WatchRegistryRequest request = WatchRegistryRequest.newBuilder()
                .setName(name)
                .setResumeToken(resumeToken)
                .build();
        return Watch.of(new Course<>(calls, REGISTRY, request, resumeToken), WatchRegistryResponse::getEventsList);
    }
}
