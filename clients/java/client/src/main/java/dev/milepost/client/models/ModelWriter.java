package dev.milepost.client.models;

import dev.milepost.client.values.Ids;
import dev.milepost.client.values.Json;
import dev.milepost.v1.ModelFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;

/** Writes the folder of a model: in a hidden one beside it, which is renamed when all of it is on the disk. */
final class ModelWriter {
    /** The version of MLflow whose format is written. */
    private static final String MLFLOW_VERSION = "3.17.0";
    /** The module by which MLflow loads a model of which it has no flavor of its own. */
    private static final String OWN_LOADER = "milepost.pyfunc";

    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss.SSSSSS");

    private final ModelFolder.Builder parts;
    private final Path folder;

    private ModelWriter(ModelFolder.Builder parts, Path folder) {
        this.parts = parts;
        this.folder = folder;
    }

    static ModelFolder write(ModelFolder.Builder parts, Path path) throws IOException {
        checkFlavors(parts.flavors);
        if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            throw new FileAlreadyExistsException(path.toString(), null, "Models are not overwritten.");
        }
        Path parent = path.toAbsolutePath().getParent();
        Files.createDirectories(parent);
        Path folder = Files.createDirectory(
                parent.resolve("." + path.getFileName() + "." + UUID.randomUUID().toString().substring(0, 8)));
        try {
            ModelWriter writer = new ModelWriter(parts, folder);
            Map<String, Object> descriptor = writer.writeAll();
            List<ModelFile> files = Manifest.write(folder);
            flush(folder);
            Files.move(folder, path, StandardCopyOption.ATOMIC_MOVE);
            return new ModelFolder(path, files, descriptor);
        } catch (IOException | RuntimeException failed) {
            delete(folder);
            throw failed;
        }
    }

    private static void checkFlavors(List<Flavor> flavors) {
        if (flavors.isEmpty()) {
            throw new IllegalArgumentException("A model needs a flavor, by which it can be loaded.");
        }
        Set<String> taken = new HashSet<>();
        for (Flavor flavor : flavors) {
            if (!taken.add("flavor " + flavor.name())) {
                throw new IllegalArgumentException("The flavor " + flavor.name() + " is there twice.");
            }
            flavor.files().keySet().forEach(path -> {
                if (!taken.add(path)) {
                    throw new IllegalArgumentException("Two flavors have the file '" + path + "'.");
                }
            });
        }
    }

    private Map<String, Object> writeAll() throws IOException {
        for (Flavor flavor : parts.flavors) {
            for (Map.Entry<String, Flavor.Content> file : flavor.files().entrySet()) {
                Path target = folder.resolve(file.getKey());
                Files.createDirectories(target.getParent());
                file.getValue().write(target);
            }
        }
        writeEnvironment();
        if (parts.example.isPresent()) {
            text(ModelPaths.EXAMPLE, parts.example.get().example());
            text(ModelPaths.SERVING_EXAMPLE, parts.example.get().servingExample());
        }
        if (parts.card.isPresent()) {
            text(ModelPaths.CARD, parts.card.get());
        }
        Map<String, Object> descriptor = Plain.copyOf(descriptor(), "MLmodel");
        text(ModelPaths.DESCRIPTOR, Json.document(descriptor));
        return descriptor;
    }

    private void text(String path, String content) throws IOException {
        Files.writeString(folder.resolve(path), content);
    }

    /** The files from which either tool makes an environment for the model. */
    private void writeEnvironment() throws IOException {
        List<String> lines = parts.requirements.orElseGet(
                () -> parts.flavors.stream().flatMap(flavor -> flavor.requirements().stream()).toList());
        text(ModelPaths.REQUIREMENTS, String.join("", lines.stream().map(line -> line + "\n").toList()));
        Map<String, Object> python = new LinkedHashMap<>();
        if (!parts.pythonVersion.isEmpty()) {
            python.put("python", parts.pythonVersion);
        }
        python.put("build_dependencies", List.of("pip", "setuptools", "wheel"));
        python.put("dependencies", List.of("-r " + ModelPaths.REQUIREMENTS));
        text(ModelPaths.PYTHON_ENV, Json.document(python));
        String interpreter = parts.pythonVersion.isEmpty() ? "python" : "python=" + parts.pythonVersion;
        text(ModelPaths.CONDA, Json.document(Map.of(
                "name", "mlflow-env",
                "channels", List.of("conda-forge"),
                "dependencies", List.of(interpreter, "pip", Map.of("pip", lines)))));
    }

    private Map<String, Object> descriptor() throws IOException {
        Map<String, Object> keys = new LinkedHashMap<>();
        keys.put("flavors", flavorEntries());
        keys.put("model_uuid", Ids.random());
        keys.put("utc_time_created", TIME.format(LocalDateTime.now(ZoneOffset.UTC)));
        keys.put("model_size_bytes", size());
        keys.put("mlflow_version", MLFLOW_VERSION);
        keys.put("milepost", Map.of("version", version()));
        Map.of("artifact_path", parts.name, "run_id", parts.runId, "model_id", parts.modelId).forEach((key, value) -> {
            if (!value.isEmpty()) {
                keys.put(key, value);
            }
        });
        parts.signature.ifPresent(signature -> keys.put("signature", signature.texts()));
        parts.example.ifPresent(example -> keys.put("saved_input_example_info", example.info()));
        if (!parts.metadata.isEmpty()) {
            keys.put("metadata", parts.metadata);
        }
        return keys;
    }

    /** The flavors' own entries, and that of {@code python_function}, by which MLflow loads the first of them. */
    private Map<String, Object> flavorEntries() {
        Map<String, Object> entries = new LinkedHashMap<>();
        parts.flavors.forEach(flavor -> entries.put(flavor.name(), flavor.options()));
        Flavor first = parts.flavors.get(0);
        Map<String, Object> function = new LinkedHashMap<>();
        if (!first.loaderPath().isEmpty()) {
            function.put("data", first.loaderPath());
        }
        function.put("loader_module", first.loader().isEmpty() ? OWN_LOADER : first.loader());
        function.put("env", Map.of("conda", ModelPaths.CONDA, "virtualenv", ModelPaths.PYTHON_ENV));
        if (!parts.pythonVersion.isEmpty()) {
            function.put("python_version", parts.pythonVersion);
        }
        entries.put("python_function", function);
        return entries;
    }

    private long size() throws IOException {
        long size = 0;
        for (Path file : filesOf(folder)) {
            size += Files.size(file);
        }
        return size;
    }

    private static void flush(Path folder) throws IOException {
        for (Path file : filesOf(folder)) {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                channel.force(true);
            }
        }
    }

    private static List<Path> filesOf(Path folder) throws IOException {
        try (Stream<Path> found = Files.walk(folder)) {
            return found.filter(Files::isRegularFile).toList();
        }
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> found = Files.walk(folder)) {
            for (Path path : found.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }

    private static String version() {
        String version = ModelWriter.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }
}
