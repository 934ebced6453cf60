package dev.milepost.client.registry;

import dev.milepost.client.artifacts.Artifacts;
import dev.milepost.client.artifacts.TransferOptions;
import dev.milepost.client.calls.Calls;
import dev.milepost.client.models.ModelCorruptException;
import dev.milepost.client.models.ModelFolder;
import dev.milepost.v1.ModelFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Stream;

/** Brings the files of a model to this machine: to a hidden folder, which takes its name when all of it is right. */
final class Downloading {
    static final String MANIFEST = "SHA256SUMS";

    private final Calls calls;
    private final TransferOptions options;

    Downloading(Calls calls, TransferOptions options) {
        this.calls = calls;
        this.options = options;
    }

    Path download(ModelUri uri, Path destination) {
        ModelSource source = ModelSource.of(calls, uri);
        checkDigest(source);
        Path target = destination.toAbsolutePath().normalize();
        try {
            refuseTaken(target);
            Files.createDirectories(target.getParent());
            Path folder = target.resolveSibling("." + target.getFileName() + "." + UUID.randomUUID());
            try {
                new Artifacts(calls).download(source.runId(), source.path(), folder, options);
                compare(source, ModelFolder.list(folder));
                flush(folder);
                refuseTaken(target);
                Files.deleteIfExists(target);
                Files.move(folder, target, StandardCopyOption.ATOMIC_MOVE);
            } catch (IOException | RuntimeException failed) {
                delete(folder, failed);
                throw failed;
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
        return destination;
    }

    /** What came must be what is recorded, file by file. */
    private static void compare(ModelSource source, List<ModelFile> present) {
        SortedMap<String, String> faults = new TreeMap<>();
        source.files().forEach(file -> faults.put(file.getPath(), file.getSha256()));
        for (ModelFile file : present) {
            if (!faults.remove(file.getPath(), file.getSha256())) {
                faults.put(file.getPath(), file.getSha256());
            }
        }
        if (!faults.isEmpty()) {
            throw new ModelCorruptException(
                    source.name() + " arrived with other files than were recorded: "
                            + String.join(", ", faults.keySet()) + ". Try again; if that fails, log the model again.",
                    List.copyOf(faults.keySet()));
        }
    }

    /** The list itself must be the one whose digest the registry keeps, and that of the model's own manifest. */
    private static void checkDigest(ModelSource source) {
        String digest = ModelFolder.digestOf(source.files());
        if (!source.sha256().isEmpty() && !source.sha256().equals(digest)) {
            throw new ModelCorruptException(
                    source.name() + " has the digest " + digest + " instead of " + source.sha256()
                            + ": its files were changed.",
                    List.of());
        }
        for (ModelFile file : source.files()) {
            if (file.getPath().equals(MANIFEST) && !file.getSha256().equals(digest)) {
                throw new ModelCorruptException(
                        source.name() + ": its manifest is not that of its files. Log the model again.",
                        List.of(MANIFEST));
            }
        }
    }

    private static void refuseTaken(Path target) throws IOException {
        if (!Files.exists(target)) {
            return;
        }
        if (Files.isDirectory(target)) {
            try (Stream<Path> found = Files.list(target)) {
                if (found.findAny().isEmpty()) {
                    return;
                }
            }
        }
        throw new FileAlreadyExistsException(target.toString(), null, "A model goes to a folder that is new or empty.");
    }

    private static void flush(Path folder) throws IOException {
        for (Path file : below(folder)) {
            if (Files.isRegularFile(file)) {
                try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                    channel.force(true);
                }
            }
        }
    }

    private static void delete(Path folder, Exception cause) {
        if (!Files.exists(folder)) {
            return;
        }
        try {
            List<Path> innermostFirst = new ArrayList<>(below(folder));
            innermostFirst.sort(Comparator.reverseOrder());
            for (Path path : innermostFirst) {
                Files.delete(path);
            }
        } catch (IOException left) {
            cause.addSuppressed(left);
        }
    }

    private static List<Path> below(Path folder) throws IOException {
        try (Stream<Path> found = Files.walk(folder)) {
            return found.toList();
        }
    }
}
