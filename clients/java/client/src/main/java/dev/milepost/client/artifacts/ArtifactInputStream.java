package dev.milepost.client.artifacts;

import com.google.protobuf.ByteString;
import dev.milepost.client.calls.Calls;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;

/** The bytes of an artifact as they arrive; the server waits while nobody reads. */
final class ArtifactInputStream extends InputStream {
    private static final Part END = new Part(ByteBuffer.allocate(0), () -> {});

    private record Part(ByteBuffer data, Runnable taken) {}

    private final BlockingQueue<Part> parts = new LinkedBlockingQueue<>();
    private final CompletableFuture<Void> begun = new CompletableFuture<>();
    private final CompletableFuture<Void> download;
    private Part current;
    private volatile boolean closed;

    private ArtifactInputStream(Calls calls, DownloadContent content) {
        download = Download.start(calls, content, new Parts(), Meter.none(), Deadline.never());
        download.whenComplete((done, error) -> {
            parts.add(END);
            if (error != null) {
                begun.completeExceptionally(error);
            }
        });
    }

    /** Opens a file; returns when its first bytes came. */
    static ArtifactInputStream open(Calls calls, DownloadContent content) {
        ArtifactInputStream stream = new ArtifactInputStream(calls, content);
        try {
            Calls.await(stream.begun);
        } catch (RuntimeException | Error error) {
            stream.close();
            throw error;
        }
        return stream;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, buffer.length);
        if (length == 0) {
            return 0;
        }
        while (current == null || !current.data().hasRemaining()) {
            if (!next()) {
                return -1;
            }
        }
        int count = Math.min(length, current.data().remaining());
        current.data().get(buffer, offset, count);
        return count;
    }

    @Override
    public int available() {
        return current == null ? 0 : current.data().remaining();
    }

    @Override
    public void close() {
        closed = true;
        download.cancel(true);
    }

    /** Goes to the next part. Returns false after the last one. */
    private boolean next() throws IOException {
        if (closed) {
            throw new IOException("The stream is closed.");
        }
        if (current != null) {
            current.taken().run();
        }
        try {
            current = parts.take();
            if (current == END) {
                parts.add(END); // whoever reads again is told again
                download.get();
                return false;
            }
            return true;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            current = null; // it was taken
            throw new InterruptedIOException("The thread was interrupted.");
        } catch (CancellationException closedMeanwhile) {
            throw new IOException("The stream is closed.", closedMeanwhile);
        } catch (ExecutionException failed) {
            throw new IOException(failed.getCause().getMessage(), failed.getCause());
        }
    }

    private final class Parts implements Sink<Void> {
        @Override
        public void begin(long size) {
            begun.complete(null);
        }

        @Override
        public void take(ByteString data, Runnable taken) {
            parts.add(new Part(data.asReadOnlyByteBuffer(), taken));
        }

        @Override
        public Void end() {
            return null;
        }

        @Override
        public void abort() {
            // What came before the failure may be read.
        }
    }
}
