package dev.milepost.client.writer;

import com.google.protobuf.CodedOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Makes batches of chunks: each key's points become columns, in order. For one thread. */
final class BatchEncoder {
    // Fields of MetricPoints, and StreamMetricsRequest.batch and StreamMetricsBatch.metrics: all of wire type LEN.
    private static final int KEY = 1;
    private static final int VALUES = 2;
    private static final int STEPS = 3;
    private static final int TIMESTAMPS_MS = 4;
    private static final int NESTED = 2;

    private double[] values = new double[0];
    private long[] steps = new long[0];
    private long[] timestampsMs = new long[0];

    /**
     * A batch without its number.
     *
     * @param points how many points it holds
     * @param wire see {@link Batch}; empty without points
     * @param refused keys that no message can hold
     */
    record Encoded(int points, byte[] wire, List<RefusedKey> refused) {}

    /**
     * Points that cannot be sent.
     *
     * @param key their key
     * @param points how many
     */
    record RefusedKey(String key, int points) {}

    private record Column(byte[] key, int from, int to, int stepBytes, int timestampBytes) {
        int size() {
            return field(key.length) + field((to - from) * Double.BYTES) + field(stepBytes) + field(timestampBytes);
        }
    }

    /** Makes the batch of a chunk that has points. */
    Encoded encode(PointChunk chunk) {
        int[] ends = sort(chunk);
        List<Column> columns = new ArrayList<>(ends.length);
        List<RefusedKey> refused = new ArrayList<>();
        int points = 0;
        int from = 0;
        for (int number = 0; number < ends.length; number++) {
            int to = ends[number];
            String key = chunk.keys.get(number);
            byte[] bytes = utf8(key);
            if (bytes == null) {
                refused.add(new RefusedKey(key, to - from));
            } else if (to > from) {
                columns.add(new Column(bytes, from, to, size(steps, from, to), size(timestampsMs, from, to)));
                points += to - from;
            }
            from = to;
        }
        return new Encoded(points, points == 0 ? new byte[0] : write(columns), refused);
    }

    /** Copies the points ordered by key. Returns where the points of each key end. */
    private int[] sort(PointChunk chunk) {
        int count = chunk.count;
        if (chunk.keys.size() == 1) {
            values = chunk.values;
            steps = chunk.steps;
            timestampsMs = chunk.timestampsMs;
            return new int[] {count};
        }
        values = new double[count];
        steps = new long[count];
        timestampsMs = new long[count];
        int[] places = new int[chunk.keys.size()];
        for (int i = 0; i < count; i++) {
            places[chunk.keyNumbers[i]]++;
        }
        int begin = 0;
        for (int number = 0; number < places.length; number++) {
            int length = places[number];
            places[number] = begin;
            begin += length;
        }
        for (int i = 0; i < count; i++) {
            int place = places[chunk.keyNumbers[i]]++;
            values[place] = chunk.values[i];
            steps[place] = chunk.steps[i];
            timestampsMs[place] = chunk.timestampsMs[i];
        }
        return places;
    }

    private byte[] write(List<Column> columns) {
        int body = 0;
        for (Column column : columns) {
            body += field(column.size());
        }
        byte[] wire = new byte[field(body)];
        CodedOutputStream output = CodedOutputStream.newInstance(wire);
        try {
            begin(output, NESTED, body);
            for (Column column : columns) {
                write(output, column);
            }
            output.checkNoSpaceLeft();
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        return wire;
    }

    private void write(CodedOutputStream output, Column column) throws IOException {
        begin(output, NESTED, column.size());
        begin(output, KEY, column.key.length);
        output.writeRawBytes(column.key);
        begin(output, VALUES, (column.to - column.from) * Double.BYTES);
        for (int i = column.from; i < column.to; i++) {
            output.writeDoubleNoTag(values[i]);
        }
        begin(output, STEPS, column.stepBytes);
        for (int i = column.from; i < column.to; i++) {
            output.writeInt64NoTag(steps[i]);
        }
        begin(output, TIMESTAMPS_MS, column.timestampBytes);
        for (int i = column.from; i < column.to; i++) {
            output.writeInt64NoTag(timestampsMs[i]);
        }
    }

    private static void begin(CodedOutputStream output, int field, int length) throws IOException {
        output.writeTag(field, 2);
        output.writeUInt32NoTag(length);
    }

    private static int field(int length) {
        return 1 + CodedOutputStream.computeUInt32SizeNoTag(length) + length;
    }

    private static int size(long[] numbers, int from, int to) {
        int size = 0;
        for (int i = from; i < to; i++) {
            size += CodedOutputStream.computeInt64SizeNoTag(numbers[i]);
        }
        return size;
    }

    /** Null for what has no UTF-8, such as half of a surrogate pair. */
    private static byte[] utf8(String text) {
        try {
            ByteBuffer encoded = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
            byte[] bytes = new byte[encoded.remaining()];
            encoded.get(bytes);
            return bytes;
        } catch (CharacterCodingException error) {
            return null;
        }
    }
}
