package dev.milepost.benchmarks;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.calls.Connection;
import dev.milepost.client.calls.ConnectionSettings;
import dev.milepost.client.writer.MetricWriter;
import dev.milepost.v1.CreateRunRequest;
import dev.milepost.v1.GetRunRequest;
import dev.milepost.v1.TrackingServiceGrpc;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;

/**
 * What a call of {@link MetricWriter#log(String, double, long)} costs, and how soon all is durable: one thread logs
 * points of one metric as fast as it can. Prints a line of JSON: nanoseconds of a call (median and 99th percentile, of
 * groups of 16 calls, without the cost of the clock), seconds of the loop and until the last point is acknowledged, and
 * points a second by the latter.
 */
public final class MetricStream {
    private static final int GROUP = 16;
    private static final int WARM_UP_POINTS = 2_000_000;
    private static final Duration PATIENCE = Duration.ofMinutes(5);

    private MetricStream() {}

    /**
     * Runs it.
     *
     * @param arguments the server's address; a run's id, or {@code -} for a new run; how many points, by default
     *     1,000,000
     */
    public static void main(String[] arguments) {
        ConnectionSettings settings = new ConnectionSettings(
                ConnectionSettings.parseAddress(arguments[0]), null, null, null, Duration.ofSeconds(30), true);
        int points = arguments.length > 2 ? Integer.parseInt(arguments[2]) : 1_000_000;
        try (Connection connection = new Connection(settings)) {
            Calls calls = new Calls(connection, settings);
            String runId = arguments.length > 1 && !arguments[1].equals("-") ? arguments[1] : newRun(calls);
            try (MetricWriter writer = MetricWriter.open(calls, runId)) {
                log(writer, "warm", new long[WARM_UP_POINTS / GROUP]);
                flush(writer);
                System.out.println(measure(calls, runId, writer, new long[points / GROUP]));
            }
        }
    }

    private static String measure(Calls calls, String runId, MetricWriter writer, long[] groups) {
        long clock = clockNanos();
        long begun = System.nanoTime();
        log(writer, "loss", groups);
        double loopSeconds = (System.nanoTime() - begun) / 1e9;
        flush(writer);
        double totalSeconds = (System.nanoTime() - begun) / 1e9;
        long points = (long) groups.length * GROUP;
        long stored = calls.call(
                        TrackingServiceGrpc.getGetRunMethod(),
                        GetRunRequest.newBuilder().setRunId(runId).build())
                .getRun()
                .getMetricsMap()
                .get("loss")
                .getCount();
        if (stored != points) {
            throw new IllegalStateException(stored + " of " + points + " points were stored");
        }
        Arrays.sort(groups);
        return String.format(
                Locale.ROOT,
                "{\"log_median_ns\": %.1f, \"log_p99_ns\": %.1f, \"points\": %d, \"loop_s\": %.3f, \"total_s\": %.3f, "
                        + "\"points_per_s\": %.0f}",
                (groups[groups.length / 2] - clock) / (double) GROUP,
                (groups[groups.length * 99 / 100] - clock) / (double) GROUP,
                points,
                loopSeconds,
                totalSeconds,
                points / totalSeconds);
    }

    /** Logs points, and notes the nanoseconds of each group of calls. */
    private static void log(MetricWriter writer, String key, long[] groups) {
        long step = 0;
        long before = System.nanoTime();
        for (int group = 0; group < groups.length; group++) {
            for (int call = 0; call < GROUP; call++) {
                writer.log(key, step * 0.5, step);
                step++;
            }
            long now = System.nanoTime();
            groups[group] = now - before;
            before = now;
        }
    }

    private static void flush(MetricWriter writer) {
        if (!writer.flush(PATIENCE)) {
            throw new IllegalStateException("not all was stored: " + writer.dropped() + " points were lost");
        }
    }

    /** What one look at the clock costs: the median of many. */
    private static long clockNanos() {
        long[] costs = new long[10_000];
        for (int i = 0; i < costs.length; i++) {
            long before = System.nanoTime();
            costs[i] = System.nanoTime() - before;
        }
        Arrays.sort(costs);
        return costs[costs.length / 2];
    }

    private static String newRun(Calls calls) {
        return calls.call(TrackingServiceGrpc.getCreateRunMethod(), CreateRunRequest.getDefaultInstance())
                .getRun()
                .getRunId();
    }
}
