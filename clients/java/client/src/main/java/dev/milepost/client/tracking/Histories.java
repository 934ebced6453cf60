package dev.milepost.client.tracking;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.errors.Errors;
import dev.milepost.v1.MetricPoints;
import dev.milepost.v1.MetricServiceGrpc;
import dev.milepost.v1.StreamMetricHistoryRequest;
import dev.milepost.v1.StreamMetricHistoryResponse;
import io.grpc.ClientCall;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/** Collects the messages of a streamed history. */
final class Histories<T> implements WholeStream.Sink<StreamMetricHistoryResponse, T> {
    private final String runId;
    private final Function<List<MetricHistory>, T> read;
    private final Map<String, List<MetricPoints>> parts = new LinkedHashMap<>();

    Histories(String runId, Function<List<MetricHistory>, T> read) {
        this.runId = runId;
        this.read = read;
    }

    @Override
    public void take(StreamMetricHistoryResponse message) {
        MetricPoints points = message.getPoints();
        parts.computeIfAbsent(points.getKey(), key -> new ArrayList<>()).add(points);
    }

    @Override
    public T finish() {
        return read.apply(parts.entrySet().stream()
                .map(part -> MetricHistory.of(runId, part.getKey(), part.getValue()))
                .toList());
    }

    static StreamMetricHistoryRequest request(String runId, String... keys) {
        return StreamMetricHistoryRequest.newBuilder()
                .setRunId(runId)
                .addAllMetricKeys(List.of(keys))
                .build();
    }

    /** The points of columns, one by one. */
    static List<MetricPoint> rows(MetricPoints columns) {
        List<MetricPoint> rows = new ArrayList<>(columns.getValuesCount());
        for (int i = 0; i < columns.getValuesCount(); i++) {
            rows.add(new MetricPoint(columns.getSteps(i), columns.getTimestampsMs(i), columns.getValues(i)));
        }
        return rows;
    }

    /** The messages as they arrive, each a piece of a history. Closing the stream ends the call. */
    static Stream<MetricHistory> pieces(Calls calls, StreamMetricHistoryRequest request) {
        ClientCall<StreamMetricHistoryRequest, StreamMetricHistoryResponse> call =
                calls.open(MetricServiceGrpc.getStreamMetricHistoryMethod(), WholeStream.ATTEMPT);
        Iterator<StreamMetricHistoryResponse> messages = ClientCalls.blockingServerStreamingCall(call, request);
        Iterator<MetricHistory> pieces = new Iterator<>() {
            @Override
            public boolean hasNext() {
                try {
                    return messages.hasNext();
                } catch (StatusRuntimeException error) {
                    throw Errors.from(error);
                }
            }

            @Override
            public MetricHistory next() {
                MetricPoints points = messages.next().getPoints();
                return MetricHistory.of(request.getRunId(), points.getKey(), List.of(points));
            }
        };
        int traits = Spliterator.ORDERED | Spliterator.NONNULL | Spliterator.IMMUTABLE;
        return StreamSupport.stream(Spliterators.spliteratorUnknownSize(pieces, traits), false)
                .onClose(() -> call.cancel("It is not read any more.", null));
    }
}
