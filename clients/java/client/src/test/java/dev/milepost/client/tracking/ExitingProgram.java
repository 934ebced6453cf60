package dev.milepost.client.tracking;

import dev.milepost.client.MilepostClient;

/** A program that logs to a run and ends without ending it. */
final class ExitingProgram {
    private ExitingProgram() {}

    /** Takes the server's address, and what to do at last: {@code exit}, or {@code wait} to be told to end. */
    public static void main(String[] arguments) throws InterruptedException {
        MilepostClient client = MilepostClient.connect(arguments[0]);
        ActiveRun run = client.startRun("0");
        for (long step = 0; step < 1000; step++) {
            run.logMetric("loss", step, step);
        }
        System.out.println(run.id());
        if (arguments[1].equals("wait")) {
            Thread.currentThread().join();
        }
    }
}
