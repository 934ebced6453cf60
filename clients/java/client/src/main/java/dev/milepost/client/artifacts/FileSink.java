package dev.milepost.client.artifacts;

import com.google.protobuf.ByteString;
import dev.milepost.client.values.PartialFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/** Writes a file that appears when it is complete. */
final class FileSink implements Sink<Path> {
    private final Path target;
    private PartialFile file;

    FileSink(Path target) {
        this.target = target;
    }

    @Override
    public void begin(long size) throws IOException {
        file = new PartialFile(target);
    }

    @Override
    public void take(ByteString data, Runnable taken) throws IOException {
        ByteBuffer left = data.asReadOnlyByteBuffer();
        while (left.hasRemaining()) {
            file.channel().write(left);
        }
        taken.run();
    }

    @Override
    public Path end() throws IOException {
        file.complete();
        return target;
    }

    @Override
    public void abort() {
        if (file != null) {
            file.abandon();
        }
    }
}
