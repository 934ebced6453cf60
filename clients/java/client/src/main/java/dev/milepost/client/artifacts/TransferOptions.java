package dev.milepost.client.artifacts;

import java.time.Duration;
import java.util.Objects;
import java.util.Optional;

/**
 * How to transfer files.
 *
 * @param contentType media type of uploaded files; without one, by the suffix of the path
 * @param progress is told how far the transfer is
 * @param timeout how long all of it may take; without one, as long as it makes progress
 */
public record TransferOptions(
        Optional<String> contentType, Optional<TransferProgress> progress, Optional<Duration> timeout) {
    private static final TransferOptions DEFAULTS =
            new TransferOptions(Optional.empty(), Optional.empty(), Optional.empty());

    /** Checks the options. Throws {@link IllegalArgumentException} for a timeout that is not positive. */
    public TransferOptions {
        Objects.requireNonNull(contentType, "contentType");
        Objects.requireNonNull(progress, "progress");
        if (timeout.isPresent() && (timeout.get().isNegative() || timeout.get().isZero())) {
            throw new IllegalArgumentException(
                    "timeout: " + timeout.get() + " is no time to wait. Give one above zero.");
        }
    }

    /** {@return no media type but that of the suffix, nobody told, no timeout} */
    public static TransferOptions defaults() {
        return DEFAULTS;
    }

    /**
     * {@return the same with a media type}
     *
     * @param type of the uploaded files, for example {@code text/csv}
     */
    public TransferOptions contentType(String type) {
        return new TransferOptions(Optional.of(type), progress, timeout);
    }

    /**
     * {@return the same with a listener}
     *
     * @param listener is told how far the transfer is
     */
    public TransferOptions progress(TransferProgress listener) {
        return new TransferOptions(contentType, Optional.of(listener), timeout);
    }

    /**
     * {@return the same with a timeout}
     *
     * @param limit how long all of it may take, above zero
     * @throws IllegalArgumentException when it is not
     */
    public TransferOptions timeout(Duration limit) {
        return new TransferOptions(contentType, progress, Optional.of(limit));
    }
}
