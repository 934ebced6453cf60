package dev.milepost.client.artifacts;

/** Is told how far a transfer is. */
@FunctionalInterface
public interface TransferProgress {
    /**
     * The transfer moved. Called by threads of the connection, one at a time, and must not block; what it throws fails
     * the transfer.
     *
     * @param done bytes done; falls when a broken stream goes on from where the server stands
     * @param total bytes in all
     */
    void moved(long done, long total);
}
