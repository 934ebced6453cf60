package dev.milepost.client.writer;

import java.util.ArrayList;
import java.util.List;

/** Points in columns, in the order in which they were logged: what becomes one batch. Keys are told by their number. */
final class PointChunk {
    private static final int POINT_BYTES = Integer.BYTES + Double.BYTES + 2 * Long.BYTES;

    final List<String> keys = new ArrayList<>();
    final int[] keyNumbers;
    final double[] values;
    final long[] steps;
    final long[] timestampsMs;
    int count;
    /** Most bytes that the keys take, here and in a batch. */
    int keyBytes;

    PointChunk(int capacity) {
        keyNumbers = new int[capacity];
        values = new double[capacity];
        steps = new long[capacity];
        timestampsMs = new long[capacity];
    }

    static long bytes(int capacity) {
        return (long) capacity * POINT_BYTES;
    }

    long bytes() {
        return bytes(values.length) + keyBytes;
    }

    boolean isFull() {
        return count == values.length;
    }

    void add(int key, double value, long step, long timestampMs) {
        int place = count++;
        keyNumbers[place] = key;
        values[place] = value;
        steps[place] = step;
        timestampsMs[place] = timestampMs;
    }
}
