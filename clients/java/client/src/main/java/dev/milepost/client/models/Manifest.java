package dev.milepost.client.models;

import dev.milepost.client.values.Digests;
import dev.milepost.v1.ModelFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code SHA256SUMS}: a digest for each other file of a model, in the format of coreutils. */
final class Manifest {
    private static final Pattern LINE = Pattern.compile("([0-9a-f]{64})  (.+)");
    /** The order of the lines: that of the bytes of the paths, which is not that of Java's characters. */
    private static final Comparator<String> BY_BYTES = (one, other) -> Arrays.compareUnsigned(
            one.getBytes(StandardCharsets.UTF_8), other.getBytes(StandardCharsets.UTF_8));
    private static final int BUFFER_BYTES = 1 << 16;
    private static final int SHOWN = 5;

    private Manifest() {}

    /** Writes the manifest of all files that the folder has now. Returns its files, the manifest too. */
    static List<ModelFile> write(Path folder) throws IOException {
        List<ModelFile> files = filesOf(folder);
        Files.writeString(folder.resolve(ModelPaths.MANIFEST), lines(files));
        return withManifest(folder, files);
    }

    /** All files that the folder has now, the manifest too if it has one, in order. */
    static List<ModelFile> list(Path folder) throws IOException {
        List<ModelFile> files = filesOf(folder);
        return Files.isRegularFile(folder.resolve(ModelPaths.MANIFEST), LinkOption.NOFOLLOW_LINKS)
                ? withManifest(folder, files)
                : files;
    }

    /** The SHA-256 of the manifest that a folder of these files has, or would have. */
    static String digest(Collection<ModelFile> files) {
        List<ModelFile> others = files.stream()
                .filter(file -> !file.getPath().equals(ModelPaths.MANIFEST))
                .sorted(Comparator.comparing(ModelFile::getPath, BY_BYTES))
                .toList();
        return HexFormat.of().formatHex(Digests.sha256().digest(lines(others).getBytes(StandardCharsets.UTF_8)));
    }

    private static String lines(List<ModelFile> files) {
        StringBuilder lines = new StringBuilder();
        for (ModelFile file : files) {
            lines.append(file.getSha256()).append("  ").append(file.getPath()).append('\n');
        }
        return lines.toString();
    }

    /**
     * Compares all files of a folder with its manifest. Returns them, the manifest too.
     *
     * @throws ModelCorruptException when they differ, or there is no manifest
     * @throws ModelFormatException when the manifest cannot be read, or the folder holds a link
     */
    static List<ModelFile> verify(Path folder) throws IOException {
        SortedMap<String, String> expected = read(folder);
        List<ModelFile> files = filesOf(folder);
        SortedMap<String, String> faults = new TreeMap<>();
        expected.keySet().forEach(path -> faults.put(path, "missing"));
        for (ModelFile file : files) {
            String digest = expected.get(file.getPath());
            if (file.getSha256().equals(digest)) {
                faults.remove(file.getPath());
            } else {
                faults.put(file.getPath(), digest == null ? "not in the manifest" : "changed");
            }
        }
        if (!faults.isEmpty()) {
            List<String> shown = faults.entrySet().stream()
                    .limit(SHOWN)
                    .map(fault -> fault.getKey() + ": " + fault.getValue())
                    .toList();
            throw new ModelCorruptException(
                    folder + " is not the model that was saved (" + String.join("; ", shown)
                            + (faults.size() > SHOWN ? "; …" : "") + "). Fetch it again, or save it anew.",
                    List.copyOf(faults.keySet()));
        }
        return withManifest(folder, files);
    }

    private static SortedMap<String, String> read(Path folder) throws IOException {
        Path path = folder.resolve(ModelPaths.MANIFEST);
        if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
            throw new ModelCorruptException(
                    folder + " has no manifest " + ModelPaths.MANIFEST + ".", List.of(ModelPaths.MANIFEST));
        }
        SortedMap<String, String> entries = new TreeMap<>();
        for (String line : Files.readAllLines(path)) {
            Matcher parts = LINE.matcher(line);
            if (!parts.matches()
                    || !ModelPaths.problemOf(parts.group(2)).isEmpty()
                    || entries.put(parts.group(2), parts.group(1)) != null) {
                throw new ModelFormatException(path + " has a line that is no digest with a path: '" + line + "'.");
            }
        }
        return entries;
    }

    private static List<ModelFile> withManifest(Path folder, List<ModelFile> files) throws IOException {
        List<ModelFile> all = new ArrayList<>(files);
        all.add(describe(folder, ModelPaths.MANIFEST));
        all.sort(Comparator.comparing(ModelFile::getPath, BY_BYTES));
        return List.copyOf(all);
    }

    /** All files but the manifest, in its order. */
    private static List<ModelFile> filesOf(Path folder) throws IOException {
        List<String> paths = new ArrayList<>();
        Files.walkFileTree(folder, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                String path = ModelPaths.relative(folder, file);
                String problem = attributes.isRegularFile() ? ModelPaths.problemOf(path) : "is a link or a device";
                if (!problem.isEmpty()) {
                    throw new ModelFormatException("'" + path + "' of the model's folder " + problem + ".");
                }
                if (!path.equals(ModelPaths.MANIFEST)) {
                    paths.add(path);
                }
                return FileVisitResult.CONTINUE;
            }
        });
        paths.sort(BY_BYTES);
        List<ModelFile> files = new ArrayList<>();
        for (String path : paths) {
            files.add(describe(folder, path));
        }
        return files;
    }

    private static ModelFile describe(Path folder, String path) throws IOException {
        MessageDigest digest = Digests.sha256();
        long size = 0;
        try (InputStream content = Files.newInputStream(folder.resolve(path))) {
            byte[] buffer = new byte[BUFFER_BYTES];
            for (int read = content.read(buffer); read >= 0; read = content.read(buffer)) {
                digest.update(buffer, 0, read);
                size += read;
            }
        }
        return ModelFile.newBuilder()
                .setPath(path)
                .setSize(size)
                .setSha256(HexFormat.of().formatHex(digest.digest()))
                .build();
    }
}
