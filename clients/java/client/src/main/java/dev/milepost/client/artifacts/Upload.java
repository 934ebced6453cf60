package dev.milepost.client.artifacts;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.errors.Errors;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.v1.Artifact;
import dev.milepost.v1.ArtifactServiceGrpc;
import dev.milepost.v1.ErrorReason;
import dev.milepost.v1.GetArtifactUploadRequest;
import dev.milepost.v1.UploadArtifactRequest;
import dev.milepost.v1.UploadArtifactResponse;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/** One file on its way up. After a broken stream it goes on from where the server stands. */
final class Upload extends Transfer<Artifact> {
    /** So much waits to be sent while more is read and hashed. */
    private static final int WAITING_BYTES = 1024 * 1024;

    private final UploadSource source;
    private final Meter meter;

    private Upload(Calls calls, UploadSource source, Meter meter, Deadline deadline) {
        super(calls, deadline);
        this.source = source;
        this.meter = meter;
    }

    static CompletableFuture<Artifact> start(Calls calls, UploadSource source, Meter meter, Deadline deadline) {
        Upload upload = new Upload(calls, source, meter, deadline);
        upload.attempt(0);
        return upload.result;
    }

    private void attempt(long offset) {
        ClientCall<UploadArtifactRequest, UploadArtifactResponse> call =
                calls.open(ArtifactServiceGrpc.getUploadArtifactMethod(), deadline().attempt(), WAITING_BYTES);
        if (begin(call, new Stream(call, offset))) {
            call.request(1);
        }
    }

    /** Finds out where the server stands, and goes on there. */
    private void resume(long lastOffset) {
        if (source.uploadId().isEmpty()) {
            attempt(0);
            return;
        }
        Duration timeout = deadline().most(calls.settings().timeout());
        GetArtifactUploadRequest request = GetArtifactUploadRequest.newBuilder()
                .setRunId(source.runId())
                .setUploadId(source.uploadId())
                .build();
        calls.withTimeout(timeout)
                .start(ArtifactServiceGrpc.getGetArtifactUploadMethod(), request)
                .whenComplete((answer, thrown) -> {
                    if (thrown == null) {
                        attempt(answer.getUpload().getCommittedSize());
                        return;
                    }
                    MilepostException error = Errors.from(thrown);
                    if (error.reason() == ErrorReason.ERROR_REASON_UPLOAD_NOT_FOUND) {
                        // Nothing arrived, or all did and only the answer was lost: sending it again does no harm.
                        attempt(0);
                    } else {
                        goOn(error, lastOffset, () -> resume(lastOffset));
                    }
                });
    }

    /** One attempt. */
    private final class Stream extends ClientCall.Listener<UploadArtifactResponse> {
        private final ClientCall<UploadArtifactRequest, UploadArtifactResponse> call;
        private final UploadMessages messages;
        private final long offset;
        private boolean closed;
        private Throwable failure;
        private UploadArtifactResponse answer;

        Stream(ClientCall<UploadArtifactRequest, UploadArtifactResponse> call, long offset) {
            this.call = call;
            this.offset = offset;
            messages = new UploadMessages(source, offset);
        }

        @Override
        public void onReady() {
            if (closed || failure != null) {
                return;
            }
            try {
                send();
            } catch (IOException | RuntimeException | Error error) {
                failure = error;
                call.cancel("The file cannot be read.", error);
            }
        }

        private void send() throws IOException {
            while (messages.isBeforeOffset() && !isOver()) {
                messages.skip();
            }
            while (call.isReady() && !isOver()) {
                UploadArtifactRequest message = messages.next();
                if (message == null) {
                    closed = true;
                    call.halfClose();
                    return;
                }
                call.sendMessage(message);
                meter.at(source.path(), messages.position());
            }
        }

        @Override
        public void onMessage(UploadArtifactResponse message) {
            answer = message;
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            try (messages) {
                if (failure != null) {
                    fail(failure);
                } else if (status.isOk() && answer != null) {
                    result.complete(answer.getArtifact());
                } else {
                    Status failed = status.isOk() ? Status.INTERNAL.withDescription("No answer came.") : status;
                    goOn(Errors.from(failed.asRuntimeException(trailers)), offset, () -> resume(offset));
                }
            } catch (IOException | RuntimeException error) {
                fail(error);
            }
        }
    }
}
