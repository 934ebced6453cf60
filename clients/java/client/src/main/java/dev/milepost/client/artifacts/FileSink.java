package dev.milepost.client.artifacts;

import com.google.protobuf.ByteString;
import java.io.IOException;
import java.lang.System.Logger;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/** Writes a file beside its place, and moves it there once it is complete. */
final class FileSink implements Sink<Path> {
    private static final Logger LOG = System.getLogger(FileSink.class.getName());

    private final Path target;
    private final Path partial;
    private FileChannel file;

    FileSink(Path target) {
        this.target = target;
        String name = UUID.randomUUID().toString().substring(0, 8);
        partial = target.toAbsolutePath().resolveSibling("." + name + ".part");
    }

    @Override
    public void begin(long size) throws IOException {
        Files.createDirectories(partial.getParent());
        file = FileChannel.open(partial, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
    }

    @Override
    public void take(ByteString data, Runnable taken) throws IOException {
        ByteBuffer left = data.asReadOnlyByteBuffer();
        while (left.hasRemaining()) {
            file.write(left);
        }
        taken.run();
    }

    @Override
    public Path end() throws IOException {
        file.close();
        Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
        return target;
    }

    @Override
    public void abort() {
        if (file == null) {
            return;
        }
        try {
            file.close();
            Files.deleteIfExists(partial);
        } catch (IOException error) {
            LOG.log(Logger.Level.WARNING, () -> "The partial download " + partial + " stays behind.", error);
        }
    }
}
