package dev.milepost.client.artifacts;

import com.google.protobuf.ByteString;
import dev.milepost.client.calls.Calls;
import dev.milepost.client.errors.Errors;
import dev.milepost.v1.ArtifactServiceGrpc;
import dev.milepost.v1.DownloadArtifactRequest;
import dev.milepost.v1.DownloadArtifactResponse;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;

/**
 * One file, or a range of it, on its way down. After a broken stream it goes on with what has not come yet.
 *
 * @param <T> what there is in the end
 */
final class Download<T> extends Transfer<T> {
    /** Messages, of 1 MiB at most, that may have come and not be taken. */
    private static final int WINDOW = 4;

    private final DownloadContent content;
    private final Sink<T> sink;
    private final Meter meter;
    private ClientCall<DownloadArtifactRequest, DownloadArtifactResponse> call;
    private int untaken;
    private boolean sinkBegun;

    private Download(Calls calls, DownloadContent content, Sink<T> sink, Meter meter, Deadline deadline) {
        super(calls, deadline);
        this.content = content;
        this.sink = sink;
        this.meter = meter;
    }

    static <T> CompletableFuture<T> start(
            Calls calls, DownloadContent content, Sink<T> sink, Meter meter, Deadline deadline) {
        Download<T> download = new Download<>(calls, content, sink, meter, deadline);
        download.attempt();
        return download.result;
    }

    /** Makes an attempt at what has not come yet. */
    private synchronized void attempt() {
        call = calls.open(ArtifactServiceGrpc.getDownloadArtifactMethod(), deadline().attempt());
        if (!begin(call, new Stream(call))) {
            sink.abort();
            return;
        }
        call.request(WINDOW - untaken);
        call.sendMessage(content.request());
        call.halfClose();
    }

    private synchronized void came() {
        untaken++;
    }

    private synchronized void taken() {
        untaken--;
        call.request(1);
    }

    @Override
    void fail(Throwable error) {
        sink.abort();
        super.fail(error);
    }

    /** One attempt. */
    private final class Stream extends ClientCall.Listener<DownloadArtifactResponse> {
        private final ClientCall<DownloadArtifactRequest, DownloadArtifactResponse> stream;
        private boolean begun;
        private Throwable failure;

        Stream(ClientCall<DownloadArtifactRequest, DownloadArtifactResponse> stream) {
            this.stream = stream;
        }

        @Override
        public void onMessage(DownloadArtifactResponse message) {
            if (failure != null || isOver()) {
                return;
            }
            came();
            try {
                take(message);
            } catch (IOException | RuntimeException | Error error) {
                failure = error;
                stream.cancel("The bytes cannot be taken.", error);
            }
        }

        private void take(DownloadArtifactResponse message) throws IOException {
            if (!begun) {
                begun = true;
                content.begin(message);
                if (!sinkBegun) {
                    sinkBegun = true;
                    sink.begin(content.left());
                }
            }
            ByteString data = message.getBody().getData();
            content.add(data);
            sink.take(data, Download.this::taken);
            meter.at(content.path(), content.position());
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            if (failure != null) {
                fail(failure);
            } else if (isOver()) {
                sink.abort();
            } else if (status.isOk() || content.isComplete()) {
                finish();
            } else {
                goOn(Errors.from(status.asRuntimeException(trailers)), content.position(), Download.this::attempt);
            }
        }

        private void finish() {
            try {
                content.verify();
                result.complete(sink.end());
            } catch (IOException | RuntimeException error) {
                fail(error);
            }
        }
    }
}
