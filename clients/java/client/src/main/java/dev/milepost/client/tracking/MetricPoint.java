package dev.milepost.client.tracking;

/**
 * One point of a metric.
 *
 * @param step position on the training axis
 * @param timestampMs its time, in milliseconds since the Unix epoch
 * @param value the value, bit for bit as logged
 */
public record MetricPoint(long step, long timestampMs, double value) {}
