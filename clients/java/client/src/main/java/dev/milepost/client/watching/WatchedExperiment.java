package dev.milepost.client.watching;

import dev.milepost.client.values.Masks;
import dev.milepost.v1.WatchExperimentRequest;

/**
 * An experiment whose runs to watch.
 *
 * @param request what is sent
 */
public record WatchedExperiment(WatchExperimentRequest request) {
    /**
     * {@return all that becomes of the runs of an experiment, from now on}
     *
     * @param experimentId the experiment
     */
    public static WatchedExperiment of(String experimentId) {
        return new WatchedExperiment(WatchExperimentRequest.newBuilder()
                .setExperimentId(experimentId)
                .build());
    }

    /**
     * {@return the same with only some fields of the runs}
     *
     * @param names names as in the proto, for example {@code run_id}, {@code state} and {@code metrics}
     */
    public WatchedExperiment fields(String... names) {
        return new WatchedExperiment(request.toBuilder()
                .setReadMask(Masks.of(names))
                .build());
    }

    /**
     * {@return the same, from where an earlier watch of the experiment stopped: what changed since comes first}
     *
     * @param resumeToken its {@link Watch#resumeToken}; empty: from now on
     */
    public WatchedExperiment from(String resumeToken) {
        return new WatchedExperiment(
                request.toBuilder().setResumeToken(resumeToken).build());
    }
}
