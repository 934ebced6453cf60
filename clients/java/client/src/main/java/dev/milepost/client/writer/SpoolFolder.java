package dev.milepost.client.writer;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;

/** The folder in which programs of a user leave spool files. Only the user can read it. */
final class SpoolFolder {
    /** Whether a file can be deleted while it is open. */
    static final boolean REMOVES_OPEN_FILES = File.separatorChar == '/';

    private SpoolFolder() {}

    private record Found(Path path, FileTime changed) {}

    /** {@return the spool files in a folder, oldest first; some may be in use} */
    static List<Path> files(Path folder) {
        List<Found> found = new ArrayList<>();
        try (Stream<Path> entries = Files.list(folder)) {
            entries.filter(path -> path.toString().endsWith(Spool.SUFFIX)).forEach(path -> note(path, found));
        } catch (IOException | UncheckedIOException none) {
            return List.of();
        }
        return found.stream()
                .sorted(Comparator.comparing(Found::changed).thenComparing(Found::path))
                .map(Found::path)
                .toList();
    }

    private static void note(Path path, List<Found> found) {
        try {
            if (Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
                found.add(new Found(path, Files.getLastModifiedTime(path)));
            }
        } catch (IOException gone) {
            // Sent by another process just now.
        }
    }

    /** {@return the real path of a file in a folder, made if need be, that has a name of its own and is not there} */
    static Path newPath(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            Files.createDirectories(folder, only("rwx------"));
        }
        String name = ProcessHandle.current().pid() + "-" + UUID.randomUUID().toString().substring(0, 8);
        return folder.toRealPath().resolve(name + Spool.SUFFIX);
    }

    /** Makes an empty file. */
    static void makeFile(Path path) throws IOException {
        Files.createFile(path, only("rw-------"));
    }

    private static FileAttribute<?>[] only(String permissions) {
        if (!FileSystems.getDefault().supportedFileAttributeViews().contains("posix")) {
            return new FileAttribute<?>[0];
        }
        return new FileAttribute<?>[] {
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
        };
    }
}
