package dev.milepost.client.values;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/** A file that is written beside its place, and appears there, instead of what was there, once it is complete. */
public final class PartialFile {
    private static final System.Logger LOG = System.getLogger(PartialFile.class.getName());

    private final Path target;
    private final Path partial;
    private final FileChannel channel;

    /**
     * Opens it, and makes its folder if there is none.
     *
     * @param target its place
     * @throws IOException when it cannot be made
     */
    public PartialFile(Path target) throws IOException {
        this.target = target;
        String name = UUID.randomUUID().toString().substring(0, 8);
        partial = target.toAbsolutePath().resolveSibling("." + name + ".part");
        Files.createDirectories(partial.getParent());
        channel = FileChannel.open(partial, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
    }

    /** {@return where its bytes are written} */
    public FileChannel channel() {
        return channel;
    }

    /**
     * Moves it to its place.
     *
     * @throws IOException when that fails; then {@link #abandon} removes it
     */
    public void complete() throws IOException {
        channel.close();
        Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
    }

    /** Removes it, unless it is complete. May come several times. */
    public void abandon() {
        try {
            channel.close();
            Files.deleteIfExists(partial);
        } catch (IOException error) {
            LOG.log(System.Logger.Level.WARNING, () -> "The partial file " + partial + " stays behind.", error);
        }
    }
}
