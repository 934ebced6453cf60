package dev.milepost.client.artifacts;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Folders of files, and what is in them. */
final class Trees {
    private Trees() {}

    static byte[] random(int size) {
        byte[] data = new byte[size];
        new Random(size).nextBytes(data);
        return data;
    }

    static Path write(Path file, byte[] data) throws IOException {
        Files.createDirectories(file.getParent());
        return Files.write(file, data);
    }

    /** A folder with an empty file, a large one, names that are no ASCII, and names that sort oddly. */
    static Path make(Path root) throws IOException {
        write(root.resolve("a.txt"), random(1));
        write(root.resolve("sub/b.bin"), random(2 * UploadMessages.CHUNK_BYTES + 1));
        write(root.resolve("sub/deep/empty"), new byte[0]);
        write(root.resolve("Größe 日本/😀.json"), "{}".getBytes());
        write(root.resolve("a-/x"), random(7));
        for (int number = 0; number < 6; number++) {
            write(root.resolve("many/" + number), random(1000 + number));
        }
        return root;
    }

    /** The files by their paths, as digests. */
    static Map<String, String> digests(Path root) throws IOException {
        Map<String, String> digests = new TreeMap<>();
        try (Stream<Path> found = Files.walk(root)) {
            for (Path file : found.filter(Files::isRegularFile).toList()) {
                digests.put(root.relativize(file).toString(), sha256(Files.readAllBytes(file)));
            }
        }
        return digests;
    }

    static String sha256(byte[] data) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(data));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
