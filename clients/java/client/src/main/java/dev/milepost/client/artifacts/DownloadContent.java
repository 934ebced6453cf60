package dev.milepost.client.artifacts;

import com.google.protobuf.ByteString;
import dev.milepost.client.errors.Errors;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.client.values.Digests;
import dev.milepost.v1.DownloadArtifactRequest;
import dev.milepost.v1.DownloadArtifactResponse;
import dev.milepost.v1.ErrorReason;
import io.grpc.Status;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;

/** What was asked for and what came of it, over all attempts: checks that the bytes are those of one file. */
final class DownloadContent {
    private final String runId;
    private final String path;
    private final long offset;
    private final long length;
    /** Of a whole file; null for a range. */
    private final MessageDigest digest;

    private long position;
    private long size;
    private long end = -1;
    private String sha256 = "";

    /** A range of a file; {@code length} 0 for all that follows. */
    DownloadContent(String runId, String path, long offset, long length) {
        this.runId = runId;
        this.path = path;
        this.offset = offset;
        this.length = length;
        position = offset;
        digest = offset == 0 && length == 0 ? Digests.sha256() : null;
    }

    /** A whole file. */
    DownloadContent(String runId, String path) {
        this(runId, path, 0, 0);
    }

    /** A range of the same file, which must not have been replaced. */
    DownloadContent range(long from, long bytes) {
        DownloadContent range = new DownloadContent(runId, path, from, bytes);
        range.sha256 = sha256;
        return range;
    }

    String path() {
        return path;
    }

    long position() {
        return position;
    }

    /** Size of the whole file, once a message came. */
    long size() {
        return size;
    }

    /** Bytes that have not come yet, once a message came. */
    long left() {
        return Math.max(end - position, 0);
    }

    /** Whether all bytes came. */
    boolean isComplete() {
        return end >= 0 && position >= end;
    }

    /** Asks for what has not come yet. */
    DownloadArtifactRequest request() {
        return DownloadArtifactRequest.newBuilder()
                .setRunId(runId)
                .setPath(path)
                .setOffset(position)
                .setLength(length == 0 ? 0 : offset + length - position)
                .build();
    }

    /** Reads the first message of an attempt. Throws {@code ETAG_MISMATCH} when it is of another file than before. */
    void begin(DownloadArtifactResponse message) {
        if (!sha256.isEmpty() && !sha256.equals(message.getSha256())) {
            throw Errors.of(
                    Status.ABORTED.withDescription(
                            "Artifact '" + path + "' was replaced while it was downloaded. Download it again."),
                    ErrorReason.ERROR_REASON_ETAG_MISMATCH,
                    metadata());
        }
        size = message.getSize();
        sha256 = message.getSha256();
        end = length == 0 ? size : Math.min(size, offset + length);
    }

    /** Counts and digests bytes. Throws {@code ARTIFACT_CORRUPT} for more than there are. */
    void add(ByteString data) {
        if (data.size() > end - position) {
            throw corrupt("brought more than the " + (end - offset) + " bytes announced");
        }
        position += data.size();
        if (digest != null) {
            digest.update(data.asReadOnlyByteBuffer());
        }
    }

    /** Checks that all came, and its digest if that is known. Throws {@code ARTIFACT_CORRUPT} if not. */
    void verify() {
        if (!isComplete()) {
            throw corrupt("ended at byte " + position + " instead of " + end);
        }
        if (digest != null) {
            String arrived = HexFormat.of().formatHex(digest.digest());
            if (!arrived.equals(sha256)) {
                throw corrupt("arrived with SHA-256 " + arrived + " instead of " + sha256);
            }
        }
    }

    private MilepostException corrupt(String how) {
        return Errors.of(
                Status.DATA_LOSS.withDescription(
                        "Artifact '" + path + "' " + how + ". Try again, and upload it again if that fails."),
                ErrorReason.ERROR_REASON_ARTIFACT_CORRUPT,
                metadata());
    }

    private Map<String, String> metadata() {
        return Map.of("runId", runId, "path", path, "sha256", sha256);
    }
}
