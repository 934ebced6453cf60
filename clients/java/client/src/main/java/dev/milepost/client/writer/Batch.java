package dev.milepost.client.writer;

/**
 * What is sent, and answered, as a whole.
 *
 * @param runId the run
 * @param values how many points, params and tags it holds
 * @param wire for points a serialized {@code StreamMetricsRequest} without its sequence number; for params and tags,
 *     which only the Python client batches, a serialized {@code LogBatchRequest} whose {@code request_id} makes a
 *     repeat safe
 * @param writerId for points, the writer that numbers them; empty for params and tags
 * @param sequence for points, the number of the batch among those of its writer; 0 for params and tags
 */
record Batch(String runId, int values, byte[] wire, String writerId, long sequence) {}
