package dev.milepost.client.artifacts;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.errors.MilepostException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;

/** Any part of an artifact; fetches what is read, and a little more. */
final class ArtifactChannel implements SeekableByteChannel {
    private static final int READ_AHEAD_BYTES = 1024 * 1024;

    private final Calls calls;
    private final DownloadContent file;
    private byte[] fetched;
    private long fetchedAt;
    private long position;
    private volatile boolean closed;

    /** Opens a file: fetches its first bytes. */
    ArtifactChannel(Calls calls, String runId, String path) {
        this.calls = calls;
        file = new DownloadContent(runId, path, 0, READ_AHEAD_BYTES);
        fetched = fetch(file);
    }

    @Override
    public synchronized int read(ByteBuffer target) throws IOException {
        checkOpen();
        if (position >= file.size()) {
            return -1;
        }
        if (!target.hasRemaining()) {
            return 0;
        }
        if (position < fetchedAt || position >= fetchedAt + fetched.length) {
            fetchFrom(position, Math.max(target.remaining(), READ_AHEAD_BYTES));
        }
        int from = (int) (position - fetchedAt);
        int count = Math.min(target.remaining(), fetched.length - from);
        target.put(fetched, from, count);
        position += count;
        return count;
    }

    @Override
    public synchronized long position() throws ClosedChannelException {
        checkOpen();
        return position;
    }

    @Override
    public synchronized SeekableByteChannel position(long wanted) throws ClosedChannelException {
        checkOpen();
        if (wanted < 0) {
            throw new IllegalArgumentException("position: " + wanted + " is below 0.");
        }
        position = wanted;
        return this;
    }

    @Override
    public long size() throws ClosedChannelException {
        checkOpen();
        return file.size();
    }

    @Override
    public int write(ByteBuffer source) {
        throw new NonWritableChannelException();
    }

    @Override
    public SeekableByteChannel truncate(long size) {
        throw new NonWritableChannelException();
    }

    @Override
    public boolean isOpen() {
        return !closed;
    }

    @Override
    public void close() {
        closed = true;
    }

    private void fetchFrom(long offset, int bytes) throws IOException {
        try {
            fetched = fetch(file.range(offset, bytes));
            fetchedAt = offset;
        } catch (MilepostException error) {
            throw new IOException(error.getMessage(), error);
        }
    }

    private byte[] fetch(DownloadContent range) {
        return Calls.await(Download.start(calls, range, new BytesSink(), Meter.none(), Deadline.never()));
    }

    private void checkOpen() throws ClosedChannelException {
        if (closed) {
            throw new ClosedChannelException();
        }
    }
}
