package dev.milepost.client.writer;

import java.io.Serializable;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * How a {@link MetricWriter} writes. What is not chosen follows from the environment of the JVM in which the writer is
 * opened, as in the Python client: {@code MILEPOST_SPOOL_DIR}, {@code MILEPOST_SPOOL_BYTES}, {@code MILEPOST_STRICT}.
 *
 * <pre>{@code
 * WriterOptions.defaults().spoolFolder(Path.of("/scratch/spool")).strict(true)
 * }</pre>
 */
public final class WriterOptions implements Serializable {
    private static final long serialVersionUID = 1L;
    private static final WriterOptions DEFAULTS = new WriterOptions(
            null, null, null, Duration.ofMillis(200), Duration.ofSeconds(60), Duration.ofSeconds(5));

    /** The folder, as text since a Path cannot be serialized; null: as the environment says. */
    private final String spoolFolder;
    /** Most bytes in the folder; null: as the environment says. */
    private final Long spoolBytes;
    /** Whether losses are thrown; null: as the environment says. */
    private final Boolean strict;
    /** How long points wait for others. */
    private final Duration delay;
    /** How long closing waits. */
    private final Duration closeTimeout;
    /** How long the end of the JVM waits. */
    private final Duration exitTimeout;

    private WriterOptions(
            String spoolFolder,
            Long spoolBytes,
            Boolean strict,
            Duration delay,
            Duration closeTimeout,
            Duration exitTimeout) {
        this.spoolFolder = spoolFolder;
        this.spoolBytes = spoolBytes;
        this.strict = strict;
        this.delay = delay;
        this.closeTimeout = closeTimeout;
        this.exitTimeout = exitTimeout;
    }

    /** {@return the defaults} */
    public static WriterOptions defaults() {
        return DEFAULTS;
    }

    /**
     * {@return the same with another folder for points that wait for a server that is away; default:
     * {@code milepost/spool} in the user's folder for caches}
     *
     * @param folder the folder; it need not exist
     */
    public WriterOptions spoolFolder(Path folder) {
        return new WriterOptions(folder.toString(), spoolBytes, strict, delay, closeTimeout, exitTimeout);
    }

    /**
     * {@return the same with another bound of what this JVM keeps in that folder; default: 1 GiB}
     *
     * @param bytes most bytes of its files together; 0 for no file
     * @throws IllegalArgumentException when negative
     */
    public WriterOptions spoolBytes(long bytes) {
        if (bytes < 0) {
            throw new IllegalArgumentException(
                    "spoolBytes: " + bytes + " is negative. Give a number of bytes, or 0 for no file.");
        }
        return new WriterOptions(spoolFolder, bytes, strict, delay, closeTimeout, exitTimeout);
    }

    /**
     * {@return the same, where flushing and closing throw {@link LoggingException} for what was not stored, or only
     * warn; default: warn}
     *
     * @param wanted whether they throw
     */
    public WriterOptions strict(boolean wanted) {
        return new WriterOptions(spoolFolder, spoolBytes, wanted, delay, closeTimeout, exitTimeout);
    }

    /**
     * {@return the same with another time for which points wait for others to go with; default: 200 ms}
     *
     * @param time the longest such time
     * @throws IllegalArgumentException when negative
     */
    public WriterOptions delay(Duration time) {
        checkNotNegative("delay", time);
        return new WriterOptions(spoolFolder, spoolBytes, strict, time, closeTimeout, exitTimeout);
    }

    /**
     * {@return the same with another time that {@link MetricWriter#close} waits for the server; default: 60 s}
     *
     * @param time the longest such time
     * @throws IllegalArgumentException when negative
     */
    public WriterOptions closeTimeout(Duration time) {
        checkNotNegative("closeTimeout", time);
        return new WriterOptions(spoolFolder, spoolBytes, strict, delay, time, exitTimeout);
    }

    /**
     * {@return the same with another time that the end of the JVM waits for the server when the writer is open;
     * default: 5 s}
     *
     * @param time the longest such time; several open writers wait together
     * @throws IllegalArgumentException when negative
     */
    public WriterOptions exitTimeout(Duration time) {
        checkNotNegative("exitTimeout", time);
        return new WriterOptions(spoolFolder, spoolBytes, strict, delay, closeTimeout, time);
    }

    Path spoolFolder() {
        return spoolFolder == null ? Environment.spoolFolder() : Path.of(spoolFolder);
    }

    long spoolBytes() {
        return spoolBytes == null ? Environment.spoolBytes() : spoolBytes;
    }

    boolean strict() {
        return strict == null ? Environment.strict() : strict;
    }

    Duration delay() {
        return delay;
    }

    Duration closeTimeout() {
        return closeTimeout;
    }

    Duration exitTimeout() {
        return exitTimeout;
    }

    private static void checkNotNegative(String name, Duration time) {
        if (time.isNegative()) {
            throw new IllegalArgumentException(name + ": " + time + " is no time to wait. Give zero or more.");
        }
    }

    private List<Object> parts() {
        return Arrays.asList(spoolFolder, spoolBytes, strict, delay, closeTimeout, exitTimeout);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof WriterOptions that && parts().equals(that.parts());
    }

    @Override
    public int hashCode() {
        return Objects.hash(parts());
    }

    @Override
    public String toString() {
        return "WriterOptions" + parts();
    }
}
