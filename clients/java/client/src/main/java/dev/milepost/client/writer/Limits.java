package dev.milepost.client.writer;

/**
 * What bounds the memory of a writer. With the batch that is being made, and what gRPC holds of those being sent, the
 * defaults stay below 64 MiB.
 *
 * @param queueBytes most bytes of points that were not made batches yet, see {@link PointQueue}
 * @param memoryBytes most bytes of batches in memory; what comes then goes to the spool file
 */
record Limits(long queueBytes, long memoryBytes) {
    static final Limits DEFAULT = new Limits(24L << 20, 12L << 20);
}
