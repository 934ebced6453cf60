package dev.milepost.client.writer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.milepost.v1.MetricPoints;
import dev.milepost.v1.StreamMetricsRequest;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class BatchEncoderTest {
    record Point(String key, long bits, long step, long timestampMs) {}

    @Provide
    Arbitrary<List<Point>> points() {
        Arbitrary<String> keys = Arbitraries.strings()
                .all()
                .ofMaxLength(4)
                .filter(text -> text.codePoints().noneMatch(c -> c >= 0xD800 && c <= 0xDFFF));
        Arbitrary<Long> numbers = Arbitraries.oneOf(
                Arbitraries.longs(), Arbitraries.of(0L, -1L, Long.MIN_VALUE, Long.MAX_VALUE, 1_700_000_000_000L));
        Arbitrary<Long> bits = Arbitraries.oneOf(
                numbers, Arbitraries.of(0x7FF0000000000001L, 0xFFF8000000000123L, 0x8000000000000000L));
        return keys.list().ofMinSize(1).ofMaxSize(5).flatMap(chosen -> Combinators.combine(
                        Arbitraries.of(chosen), bits, numbers, numbers)
                .as(Point::new)
                .list()
                .ofMinSize(1)
                .ofMaxSize(60));
    }

    @Property(tries = 300)
    void aBatchParsesBackToItsPoints(@ForAll("points") List<Point> points) throws InvalidProtocolBufferException {
        BatchEncoder.Encoded encoded = new BatchEncoder().encode(chunk(points));
        Map<String, List<Point>> byKey =
                points.stream().collect(Collectors.groupingBy(Point::key, LinkedHashMap::new, Collectors.toList()));
        var parsed = StreamMetricsRequest.parseFrom(encoded.wire()).getBatch().getMetricsList();
        assertEquals(List.copyOf(byKey.keySet()), parsed.stream().map(MetricPoints::getKey).toList());
        for (MetricPoints series : parsed) {
            List<Point> expected = byKey.get(series.getKey());
            assertArrayEquals(
                    expected.stream().mapToLong(Point::bits).toArray(),
                    series.getValuesList().stream().mapToLong(Double::doubleToRawLongBits).toArray());
            assertEquals(expected.stream().map(Point::step).toList(), series.getStepsList());
            assertEquals(expected.stream().map(Point::timestampMs).toList(), series.getTimestampsMsList());
        }
        assertEquals(points.size(), encoded.points());
        assertEquals(List.of(), encoded.refused());
    }

    @Property(tries = 100)
    void itIsWhatProtobufItselfWrites(@ForAll("points") List<Point> points) throws InvalidProtocolBufferException {
        byte[] wire = new BatchEncoder().encode(chunk(points)).wire();
        StreamMetricsRequest parsed = StreamMetricsRequest.parseFrom(wire);
        if (points.stream().noneMatch(point -> point.key().isEmpty())) {
            assertArrayEquals(parsed.toByteArray(), wire);
        }
    }

    @Test
    void halfOfASurrogatePairIsRefusedAndItsNeighboursAreNot() throws InvalidProtocolBufferException {
        Point bad = new Point("a\uD800", 1, 1, 1);
        BatchEncoder.Encoded encoded = new BatchEncoder().encode(chunk(List.of(bad, new Point("b", 2, 2, 2), bad)));
        assertEquals(List.of(new BatchEncoder.RefusedKey("a\uD800", 2)), encoded.refused());
        assertEquals(1, encoded.points());
        assertEquals("b", StreamMetricsRequest.parseFrom(encoded.wire()).getBatch().getMetrics(0).getKey());
    }

    @Test
    void theLargestBatchStaysBelowOneMebibyte() {
        PointQueue queue = new PointQueue(1L << 30, Duration.ZERO, () -> {});
        int added = 0;
        PointChunk largest = null;
        while (largest == null || largest.count < 5_000) {
            // As many keys, as long, as fit; the rest of the points belong to the last.
            for (int i = 0; i < 3_000; i++) {
                queue.add("\uFFFF".repeat(40) + i, Double.NaN, Long.MIN_VALUE, Long.MIN_VALUE);
                added++;
            }
            for (int i = 0; i < 17_000; i++) {
                queue.add("last", Double.NaN, Long.MIN_VALUE, Long.MIN_VALUE);
                added++;
            }
            for (PointChunk chunk = queue.take(false); chunk != null; chunk = queue.take(false)) {
                largest = largest == null || chunk.count > largest.count ? chunk : largest;
                assertTrue(new BatchEncoder().encode(chunk).wire().length < 1 << 20);
                queue.release(chunk);
            }
        }
        assertEquals(added, queue.added());
    }

    private static PointChunk chunk(List<Point> points) {
        PointChunk chunk = new PointChunk(points.size());
        for (Point point : points) {
            if (!chunk.keys.contains(point.key)) {
                chunk.keys.add(point.key);
            }
            chunk.add(
                    chunk.keys.indexOf(point.key), Double.longBitsToDouble(point.bits), point.step, point.timestampMs);
        }
        return chunk;
    }
}
