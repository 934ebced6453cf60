package dev.milepost.client.artifacts;

import dev.milepost.client.artifacts.LocalFiles.LocalFile;
import dev.milepost.client.values.Ids;
import java.io.IOException;
import java.net.URLConnection;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/**
 * One file to upload.
 *
 * @param runId the run
 * @param path path of the artifact
 * @param size its bytes
 * @param contentType media type, perhaps empty
 * @param uploadId names the upload for a resume; empty for a file that is rather sent again
 * @param content opens the bytes, anew for each attempt
 */
record UploadSource(String runId, String path, long size, String contentType, String uploadId, Content content) {
    /** Files from this size on get an upload id; smaller ones are sent again as a whole. */
    static final int RESUMABLE_BYTES = 8 * 1024 * 1024;

    /** Bytes that can be read from their begin, several times. */
    @FunctionalInterface
    interface Content {
        Reader open() throws IOException;
    }

    /** Reads bytes in order. */
    interface Reader extends AutoCloseable {
        /** The next bytes in a buffer of their own: as many as wanted, or fewer at the end. */
        ByteBuffer read(int wanted) throws IOException;

        @Override
        default void close() throws IOException {}
    }

    static UploadSource of(String runId, LocalFile file, TransferOptions options) {
        return of(runId, file.path(), file.size(), options, () -> new FileReader(FileChannel.open(file.file())));
    }

    static UploadSource of(String runId, ByteBuffer data, String path, TransferOptions options) {
        ByteBuffer whole = data.slice();
        Content content = () -> {
            ByteBuffer rest = whole.duplicate();
            return wanted -> {
                ByteBuffer part = rest.slice(rest.position(), Math.min(wanted, rest.remaining()));
                rest.position(rest.position() + part.remaining());
                return part;
            };
        };
        return of(runId, LocalFiles.artifactPath(path), whole.remaining(), options, content);
    }

    private static UploadSource of(String runId, String path, long size, TransferOptions options, Content content) {
        String type = options.contentType().orElseGet(() -> typeOf(path));
        String id = size < RESUMABLE_BYTES ? "" : Ids.random();
        return new UploadSource(runId, path, size, type, id, content);
    }

    private static String typeOf(String path) {
        String type = URLConnection.guessContentTypeFromName(LocalFiles.name(path));
        return type == null ? "" : type;
    }

    private record FileReader(FileChannel file) implements Reader {
        @Override
        public ByteBuffer read(int wanted) throws IOException {
            ByteBuffer buffer = ByteBuffer.allocate(wanted);
            int got = 0;
            while (buffer.hasRemaining() && got >= 0) {
                got = file.read(buffer);
            }
            return buffer.flip();
        }

        @Override
        public void close() throws IOException {
            file.close();
        }
    }
}
