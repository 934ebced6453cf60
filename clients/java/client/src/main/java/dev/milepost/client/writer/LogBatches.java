package dev.milepost.client.writer;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.milepost.v1.LogBatchRequest;
import dev.milepost.v1.StreamMetricsRequest;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** How a request that was refused is taken apart, in the same way as the Python client does. */
final class LogBatches {
    private LogBatches() {}

    /** {@return the request that logs the points of a batch without a stream; its id follows from the batch} */
    static LogBatchRequest unaryTwin(Batch batch) {
        try {
            return LogBatchRequest.newBuilder()
                    .setRunId(batch.runId())
                    .setRequestId(batch.writerId() + "-" + batch.sequence())
                    .addAllMetrics(StreamMetricsRequest.parseFrom(batch.wire()).getBatch().getMetricsList())
                    .build();
        } catch (InvalidProtocolBufferException error) {
            throw new IllegalStateException("A batch of points is no message.", error);
        }
    }

    /**
     * {@return two requests that log the same together, to find out which part of it is refused; empty when it has one
     * part. Their ids follow from that of the request: taken apart again, after a crash, it makes no twins}
     */
    static List<LogBatchRequest> split(LogBatchRequest request) {
        List<Consumer<LogBatchRequest.Builder>> parts = new ArrayList<>();
        inOrder(request.getParamsMap())
                .forEach(param -> parts.add(half -> half.putParams(param.getKey(), param.getValue())));
        inOrder(request.getTagsMap()).forEach(tag -> parts.add(half -> half.putTags(tag.getKey(), tag.getValue())));
        request.getMetricsList().forEach(points -> parts.add(half -> half.addMetrics(points)));
        if (parts.size() < 2) {
            return List.of();
        }
        List<LogBatchRequest> halves = new ArrayList<>();
        int middle = parts.size() / 2;
        for (var share : List.of(parts.subList(0, middle), parts.subList(middle, parts.size()))) {
            LogBatchRequest.Builder half = LogBatchRequest.newBuilder()
                    .setRunId(request.getRunId())
                    .setRequestId(request.getRequestId() + "-" + halves.size());
            share.forEach(put -> put.accept(half));
            halves.add(half.build());
        }
        return halves;
    }

    /** {@return how many points, params and tags a request logs} */
    static int count(LogBatchRequest request) {
        return request.getParamsCount()
                + request.getTagsCount()
                + request.getMetricsList().stream()
                        .mapToInt(points -> points.getValuesCount())
                        .sum();
    }

    /** {@return what a request logs, by kind and first key} */
    static String describe(LogBatchRequest request) {
        List<String> kinds = new ArrayList<>();
        name(kinds, "param", request.getParamsMap().keySet());
        name(kinds, "tag", request.getTagsMap().keySet());
        name(kinds, "metric", request.getMetricsList().stream().map(points -> points.getKey()).toList());
        return String.join(", ", kinds) + " of run " + request.getRunId();
    }

    /** {@return a key as a message shows it: on one line, and not too long} */
    static String quoted(String key) {
        String shown = key.length() > 100 ? key.substring(0, 100) + "..." : key;
        StringBuilder text = new StringBuilder("'");
        for (char c : shown.toCharArray()) {
            if (Character.isISOControl(c)) {
                text.append(String.format("\\u%04x", (int) c));
            } else {
                text.append(c);
            }
        }
        return text.append("'").toString();
    }

    private static void name(List<String> kinds, String kind, Collection<String> keys) {
        if (!keys.isEmpty()) {
            String more = keys.size() > 1 ? " and " + (keys.size() - 1) + " more" : "";
            kinds.add(kind + " " + quoted(keys.iterator().next()) + more);
        }
    }

    /** By code points, as Python sorts, so that both make the same halves. */
    private static <V> Stream<Map.Entry<String, V>> inOrder(Map<String, V> entries) {
        Comparator<ByteString> byBytes = ByteString.unsignedLexicographicalComparator();
        return entries.entrySet().stream()
                .sorted(Comparator.comparing(entry -> ByteString.copyFromUtf8(entry.getKey()), byBytes));
    }
}
