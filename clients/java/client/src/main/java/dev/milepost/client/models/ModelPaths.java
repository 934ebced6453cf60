package dev.milepost.client.models;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Names of files in a model's folder, and rules for those of flavors. */
final class ModelPaths {
    static final String DESCRIPTOR = "MLmodel";
    static final String MANIFEST = "SHA256SUMS";
    static final String REQUIREMENTS = "requirements.txt";
    static final String PYTHON_ENV = "python_env.yaml";
    static final String CONDA = "conda.yaml";
    static final String EXAMPLE = "input_example.json";
    static final String SERVING_EXAMPLE = "serving_input_example.json";
    static final String CARD = "model_card.md";

    private static final Set<String> TAKEN = Set.of(
            DESCRIPTOR, MANIFEST, REQUIREMENTS, PYTHON_ENV, CONDA, EXAMPLE, SERVING_EXAMPLE, CARD, "constraints.txt",
            "requirements.lock");
    /** What the paths of artifacts cannot have: control characters, and those that turn texts around. */
    private static final Pattern FORBIDDEN =
            Pattern.compile("[\\\\%\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u061c\\u200e\\u200f\\u202a-\\u202e"
                    + "\\u2066-\\u2069\\ufeff]|\\p{Cs}");
    private static final int MAX_SEGMENTS = 64;
    private static final int MAX_SEGMENT_BYTES = 255;
    private static final int MAX_BYTES = 1024;

    private ModelPaths() {}

    /**
     * Refuses the path of a flavor's file that cannot be in a model.
     *
     * @throws IllegalArgumentException when it cannot
     */
    static void check(String path) {
        if (TAKEN.contains(path)) {
            throw new IllegalArgumentException("A flavor cannot have a file '" + path + "': each model has its own.");
        }
        String problem = problemOf(path);
        if (!problem.isEmpty()) {
            throw new IllegalArgumentException("'" + path + "' " + problem + ".");
        }
    }

    /** Why a path cannot be in a model; empty when it can. */
    static String problemOf(String path) {
        String[] segments = path.split("/", -1);
        for (String segment : segments) {
            if (segment.isEmpty() || segment.equals(".") || segment.equals("..")) {
                return "is not the path of a file below the folder";
            }
            if (segment.getBytes(StandardCharsets.UTF_8).length > MAX_SEGMENT_BYTES) {
                return "has a name of more than " + MAX_SEGMENT_BYTES + " bytes";
            }
        }
        if (segments.length > MAX_SEGMENTS || path.getBytes(StandardCharsets.UTF_8).length > MAX_BYTES) {
            return "has more than " + MAX_SEGMENTS + " segments or " + MAX_BYTES + " bytes";
        }
        if (FORBIDDEN.matcher(path).find()) {
            return "has a character that paths of artifacts cannot have";
        }
        return Normalizer.isNormalized(path, Normalizer.Form.NFC) ? "" : "is not in Unicode normal form C";
    }

    /** With forward slashes, whatever the system has. */
    static String relative(Path folder, Path file) {
        return folder.relativize(file).toString().replace(folder.getFileSystem().getSeparator(), "/");
    }

    /** Copies a file, or a folder with all in it, to a place where nothing is yet. */
    static void copy(Path source, Path target) throws IOException {
        try (Stream<Path> found = Files.walk(source)) {
            for (Path path : (Iterable<Path>) found::iterator) {
                Path to = path.equals(source) ? target : target.resolve(relative(source, path));
                if (Files.isDirectory(path)) {
                    Files.createDirectories(to);
                } else {
                    Files.copy(path, to);
                }
            }
        }
    }
}
