package dev.milepost.examples;

import dev.milepost.client.MilepostClient;
import dev.milepost.client.tracking.NewRun;

/** Logs a run to the server of {@code MILEPOST_TRACKING_URI}, else {@code 127.0.0.1:5001}. */
public final class QuickStart {
    private QuickStart() {}

    /**
     * Runs it.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) {
        try (MilepostClient client = MilepostClient.builder().build()) {
            String experiment = client.experiments().getOrCreate("quick start").id();
            client.withRun(NewRun.in(experiment).param("lr", 0.05), run -> {
                for (int step = 0; step < 100; step++) {
                    run.logMetric("loss", Math.exp(-0.05 * step), step);
                }
                System.out.println("See it: milepost metrics plot " + run.id() + " loss");
            });
        }
    }
}
