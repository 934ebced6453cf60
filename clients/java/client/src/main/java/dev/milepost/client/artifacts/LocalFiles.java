package dev.milepost.client.artifacts;

import dev.milepost.client.errors.Errors;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.v1.ErrorReason;
import io.grpc.Status;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Which files of this machine are which artifacts. */
final class LocalFiles {
    /** Names that Windows reads otherwise than they are written, or as devices. */
    private static final Pattern ODD_ON_WINDOWS = Pattern.compile(
            ".*[<>:\"|?*\\x00-\\x1f].*|.*[. ]|(con|prn|aux|nul|conin\\$|conout\\$|(com|lpt)[0-9¹²³]) *(\\..*)?",
            Pattern.CASE_INSENSITIVE | Pattern.DOTALL);

    private static final boolean WINDOWS = File.separatorChar == '\\';

    /** A file of this machine, and the path of its artifact. */
    record LocalFile(Path file, String path, long size) {}

    private LocalFiles() {}

    /** What an upload of a file or directory to a path sends, in the order of the paths. */
    static List<LocalFile> below(Path source, String path) {
        String target = artifactPath(path);
        try {
            return Files.isDirectory(source)
                    ? filesOf(source, target)
                    : List.of(new LocalFile(source, target, Files.size(source)));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static List<LocalFile> filesOf(Path source, String target) throws IOException {
        Path root = source.toRealPath(); // a link is not walked
        List<LocalFile> files = new ArrayList<>();
        try (Stream<Path> found = Files.walk(root)) {
            for (Path file : (Iterable<Path>) found.filter(Files::isRegularFile)::iterator) {
                List<String> names = new ArrayList<>();
                if (!target.isEmpty()) {
                    names.add(target);
                }
                root.relativize(file).forEach(name -> names.add(artifactPath(name.toString())));
                files.add(new LocalFile(file, String.join("/", names), Files.size(file)));
            }
        }
        files.sort(Comparator.comparing(LocalFile::path));
        return files;
    }

    /** A path in the form that the server keeps: normal form C, without a slash at the end. */
    static String artifactPath(String text) {
        String path = Normalizer.normalize(text, Normalizer.Form.NFC);
        int end = path.length();
        while (end > 0 && path.charAt(end - 1) == '/') {
            end--;
        }
        return path.substring(0, end);
    }

    /** The last part of a path. */
    static String name(String path) {
        return path.substring(path.lastIndexOf('/') + 1);
    }

    /**
     * Where an artifact below an artifact directory goes on this machine.
     *
     * @param root the directory that gets the contents of the artifact directory
     * @param directory the artifact directory, empty for that of the run
     * @param path what the server calls the artifact
     * @throws MilepostException {@code BAD_PATH} when it would not be a file below {@code root}
     */
    static Path target(Path root, String directory, String path) {
        String prefix = directory.isEmpty() ? "" : directory + "/";
        if (!path.startsWith(prefix)) {
            throw badPath(root, path);
        }
        return target(root, path.substring(prefix.length()), WINDOWS);
    }

    /** As {@link #target(Path, String, String)}, by the rules of Windows or those of other systems. */
    static Path target(Path root, String path, boolean windows) {
        Path target = root;
        for (String name : path.split("/", -1)) {
            if (isUnsafe(name, windows)) {
                throw badPath(root, path);
            }
            try {
                target = target.resolve(name);
            } catch (InvalidPathException unknownHere) {
                throw badPath(root, path);
            }
        }
        return target;
    }

    private static boolean isUnsafe(String name, boolean windows) {
        return name.isEmpty()
                || name.equals(".")
                || name.equals("..")
                || name.indexOf('\\') >= 0
                || name.indexOf('\0') >= 0
                || (windows && ODD_ON_WINDOWS.matcher(name).matches());
    }

    private static MilepostException badPath(Path root, String path) {
        return Errors.of(
                Status.INVALID_ARGUMENT.withDescription("The artifact path '" + path + "' cannot be a path below '"
                        + root + "'. Download it by itself to a name."),
                ErrorReason.ERROR_REASON_BAD_PATH,
                Map.of("path", path));
    }
}
