package dev.milepost.client.writer;

import dev.milepost.v1.LogBatchResponse;
import dev.milepost.v1.MetricServiceGrpc;
import dev.milepost.v1.StreamMetricsResponse;
import dev.milepost.v1.TrackingServiceGrpc;
import io.grpc.Drainable;
import io.grpc.KnownLength;
import io.grpc.MethodDescriptor;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.SequenceInputStream;

/** The methods of a writer, whose requests are bytes: a batch is serialized once, and waits and goes as that. */
final class RawMethods {
    static final MethodDescriptor<Raw, StreamMetricsResponse> STREAM_METRICS =
            raw(MetricServiceGrpc.getStreamMetricsMethod());
    static final MethodDescriptor<Raw, LogBatchResponse> LOG_BATCH = raw(TrackingServiceGrpc.getLogBatchMethod());

    private static final byte[] NOTHING = new byte[0];

    private RawMethods() {}

    /**
     * A serialized message in two parts, which are merged by whoever parses it.
     *
     * @param head the first part
     * @param tail the second
     */
    record Raw(byte[] head, byte[] tail) {
        Raw(byte[] whole) {
            this(whole, NOTHING);
        }
    }

    private static <A> MethodDescriptor<Raw, A> raw(MethodDescriptor<?, A> method) {
        return method.toBuilder(new RawMarshaller(), method.getResponseMarshaller()).build();
    }

    private static final class RawMarshaller implements MethodDescriptor.Marshaller<Raw> {
        @Override
        public InputStream stream(Raw message) {
            return new RawStream(message);
        }

        @Override
        public Raw parse(InputStream stream) {
            throw new UnsupportedOperationException("Servers parse requests.");
        }
    }

    /** Goes into gRPC's buffers without a copy before. */
    private static final class RawStream extends SequenceInputStream implements KnownLength, Drainable {
        private Raw left;

        RawStream(Raw message) {
            super(new ByteArrayInputStream(message.head), new ByteArrayInputStream(message.tail));
            left = message;
        }

        @Override
        public int available() {
            return left == null ? 0 : left.head.length + left.tail.length;
        }

        @Override
        public int drainTo(OutputStream target) throws IOException {
            int length = available();
            target.write(left.head);
            target.write(left.tail);
            left = null;
            return length;
        }
    }
}
