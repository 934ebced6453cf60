package dev.milepost.client.writer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.calls.Connection;
import dev.milepost.client.calls.ConnectionSettings;
import dev.milepost.v1.CreateRunRequest;
import dev.milepost.v1.DeleteRunRequest;
import dev.milepost.v1.GetRunRequest;
import dev.milepost.v1.MetricPoints;
import dev.milepost.v1.MetricServiceGrpc;
import dev.milepost.v1.StreamMetricHistoryRequest;
import dev.milepost.v1.TrackingServiceGrpc;
import io.grpc.stub.ClientCalls;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** A connection to a server, and what tests do with it beside writing. */
final class Tracked implements AutoCloseable {
    static final Duration PATIENCE = Duration.ofSeconds(60);

    final Connection connection;
    final Calls calls;

    Tracked(String address) {
        ConnectionSettings settings = new ConnectionSettings(address, null, null, null, Duration.ofSeconds(30), true);
        connection = new Connection(settings);
        calls = new Calls(connection, settings);
    }

    String newRun() {
        return calls.call(TrackingServiceGrpc.getCreateRunMethod(), CreateRunRequest.getDefaultInstance())
                .getRun()
                .getRunId();
    }

    void deleteRun(String runId) {
        calls.call(
                TrackingServiceGrpc.getDeleteRunMethod(),
                DeleteRunRequest.newBuilder().setRunId(runId).build());
    }

    dev.milepost.v1.Run run(String runId) {
        return calls.call(
                        TrackingServiceGrpc.getGetRunMethod(),
                        GetRunRequest.newBuilder().setRunId(runId).build())
                .getRun();
    }

    /** All points of a metric, in the order in which they were stored. */
    MetricPoints history(String runId, String key) {
        MetricPoints.Builder all = MetricPoints.newBuilder().setKey(key);
        ClientCalls.blockingServerStreamingCall(
                        calls.open(MetricServiceGrpc.getStreamMetricHistoryMethod()),
                        StreamMetricHistoryRequest.newBuilder()
                                .setRunId(runId)
                                .addMetricKeys(key)
                                .build())
                .forEachRemaining(part -> all.addAllValues(part.getPoints().getValuesList())
                        .addAllSteps(part.getPoints().getStepsList())
                        .addAllTimestampsMs(part.getPoints().getTimestampsMsList()));
        return all.build();
    }

    long[] steps(String runId, String key) {
        return history(runId, key).getStepsList().stream().mapToLong(Long::longValue).toArray();
    }

    /** That a metric has each step once, from 0, in order, with the value of {@link #valueOf} and its step as time. */
    void assertWhole(String runId, String key, int points) {
        MetricPoints stored = history(runId, key);
        long[] steps = LongStream.range(0, points).toArray();
        assertArrayEquals(steps, numbers(stored.getStepsList()));
        assertArrayEquals(steps, numbers(stored.getTimestampsMsList()));
        assertArrayEquals(
                LongStream.range(0, points).map(step -> Double.doubleToRawLongBits(valueOf(step))).toArray(),
                stored.getValuesList().stream().mapToLong(Double::doubleToRawLongBits).toArray());
    }

    /** A double of any kind that follows from a step. */
    static double valueOf(long step) {
        return Double.longBitsToDouble(step * 0x9E3779B97F4A7C15L);
    }

    static void log(MetricWriter writer, String key, int from, int to) {
        for (int step = from; step < to; step++) {
            writer.log(key, valueOf(step), step, step);
        }
    }

    static WriterOptions spoolIn(Path folder) {
        return WriterOptions.defaults().spoolFolder(folder);
    }

    static List<Path> files(Path folder) {
        if (!Files.exists(folder)) {
            return List.of();
        }
        try (Stream<Path> found = Files.list(folder)) {
            return found.toList();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    static void waitUntil(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertTrue(System.nanoTime() < deadline, what + " does not come");
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(2));
        }
    }

    private static long[] numbers(List<Long> list) {
        return list.stream().mapToLong(Long::longValue).toArray();
    }

    @Override
    public void close() {
        connection.close();
    }
}
