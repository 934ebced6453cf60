package dev.milepost.client.artifacts;

import com.google.api.HttpBody;
import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import dev.milepost.client.values.Digests;
import dev.milepost.v1.UploadArtifactRequest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.HexFormat;

/** The messages of one attempt at an upload. The bytes before its offset are read for the digest only. */
final class UploadMessages implements AutoCloseable {
    static final int CHUNK_BYTES = 512 * 1024;

    private final UploadSource source;
    private final long offset;
    private final MessageDigest digest = Digests.sha256();
    private UploadSource.Reader reader;
    private long position;
    private boolean begun;
    private boolean complete;

    UploadMessages(UploadSource source, long offset) {
        this.source = source;
        this.offset = offset;
    }

    /** Whether the next bytes lie before the offset: {@link #skip} then. */
    boolean isBeforeOffset() {
        return position < offset && !complete;
    }

    /** Reads on towards the offset. */
    void skip() throws IOException {
        long before = position;
        read(offset);
        complete = position == before; // became shorter: it ends early, and is refused
    }

    /** The next message, null after the last. */
    UploadArtifactRequest next() throws IOException {
        if (complete && begun) {
            return null;
        }
        UploadArtifactRequest.Builder message = UploadArtifactRequest.newBuilder();
        HttpBody.Builder body = message.getBodyBuilder();
        if (!begun) {
            begun = true;
            message.setRunId(source.runId()).setPath(source.path()).setSize(source.size());
            message.setUploadId(source.uploadId()).setOffset(offset);
            body.setContentType(source.contentType());
        }
        ByteString data = complete ? ByteString.EMPTY : read(source.size());
        body.setData(data);
        complete = data.isEmpty() || position >= source.size();
        if (complete) {
            message.setSha256(HexFormat.of().formatHex(digest.digest()));
        }
        return message.build();
    }

    /** Bytes read. */
    long position() {
        return position;
    }

    private ByteString read(long end) throws IOException {
        if (reader == null) {
            reader = source.content().open();
        }
        ByteBuffer data = reader.read((int) Math.min(CHUNK_BYTES, end - position));
        digest.update(data.duplicate());
        position += data.remaining();
        return UnsafeByteOperations.unsafeWrap(data);
    }

    @Override
    public void close() throws IOException {
        if (reader != null) {
            reader.close();
        }
    }
}
