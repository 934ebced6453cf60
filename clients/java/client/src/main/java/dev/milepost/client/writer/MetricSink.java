package dev.milepost.client.writer;

import dev.milepost.client.calls.ConnectionSettings;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.Objects;

/**
 * Where the processes of a cluster log: a run and how to reach its server. It goes with the code to the executors of
 * Spark or the operators of Flink, and opens its writer there. All tasks of one JVM that log to one run share a
 * connection and a writer, which ends with the last of them.
 *
 * <pre>{@code
 * MetricSink sink = MetricSink.of("tracking:5001", run.id());
 * batches.foreachPartition(rows -> {
 *     try (MetricWriter writer = sink.writer()) {      // the end of the task waits until its points are stored
 *         long step = 0;
 *         while (rows.hasNext()) {
 *             writer.log("loss", score(rows.next()), step++);
 *         }
 *     }
 * });
 * }</pre>
 *
 * <p>In a {@code RichFunction} of Flink, call {@link #writer} in {@code open}, {@link MetricWriter#flush} in
 * {@code snapshotState} if a checkpoint is to include the points, and {@link MetricWriter#close} in {@code close}. A
 * task that is tried again logs its points again.
 */
public final class MetricSink implements Serializable {
    private static final long serialVersionUID = 1L;

    /** The server's address. */
    private final String target;
    /** The bearer token; empty for none. */
    private final String token;
    /** File with certificate authorities; empty for those of the JVM. */
    private final String authorities;
    /** The run's id. */
    private final String runId;
    /** How the writer writes. */
    private final WriterOptions options;

    private MetricSink(String target, String token, String authorities, String runId, WriterOptions options) {
        this.target = target;
        this.token = token;
        this.authorities = authorities;
        this.runId = runId;
        this.options = options;
    }

    /**
     * {@return a sink}
     *
     * @param target {@code host:port}, {@code grpc://host:port}, or {@code grpcs://host:port} for TLS, as the processes
     *     of the cluster reach it
     * @param runId the run's id
     * @throws IllegalArgumentException when the address has none of these forms, or the id can be none
     */
    public static MetricSink of(String target, String runId) {
        ConnectionSettings.parseAddress(target);
        MetricWriter.checkRunId(runId);
        return new MetricSink(target, "", "", runId, WriterOptions.defaults());
    }

    /**
     * {@return the same with a bearer token, which is serialized with it}
     *
     * @param text the token
     */
    public MetricSink token(String text) {
        return new MetricSink(target, text, authorities, runId, options);
    }

    /**
     * {@return the same over TLS, trusting given certificate authorities only}
     *
     * @param file file with their certificates, PEM, where the writer is opened
     */
    public MetricSink tls(Path file) {
        return new MetricSink(target, token, file.toString(), runId, options);
    }

    /**
     * {@return the same with options for its writer}
     *
     * @param wanted the options
     */
    public MetricSink options(WriterOptions wanted) {
        return new MetricSink(target, token, authorities, runId, wanted);
    }

    /** {@return the run's id} */
    public String runId() {
        return runId;
    }

    /**
     * Opens a writer in this JVM, or joins the one that others opened by an equal sink. Does not wait for the server.
     * The counts of the writer, and what a strict one throws, are about all that share it.
     *
     * @return the writer, which the caller must close: that waits until what was logged so far is stored, as
     *     {@link MetricWriter#close} says, and the last one to close ends it
     * @throws IllegalArgumentException when the token would go over the network in clear, or a variable of the
     *     environment cannot be read
     * @throws java.io.UncheckedIOException when the file with the authorities cannot be read
     */
    public MetricWriter writer() {
        return SharedWriters.open(this);
    }

    String target() {
        return target;
    }

    /** Empty for none. */
    String token() {
        return token;
    }

    /** Empty for those of the JVM. */
    String authorities() {
        return authorities;
    }

    WriterOptions options() {
        return options;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof MetricSink that
                && target.equals(that.target)
                && token.equals(that.token)
                && authorities.equals(that.authorities)
                && runId.equals(that.runId)
                && options.equals(that.options);
    }

    @Override
    public int hashCode() {
        return Objects.hash(target, token, authorities, runId, options);
    }

    @Override
    public String toString() {
        return "MetricSink(" + target + ", run " + runId + ")";
    }
}
