package dev.milepost.client.models;

import dev.milepost.v1.ModelFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A model as a folder: the flavor's files, and what it takes to check, load and ask it, in the format of
 * {@code docs/model-format.md}. Python's client, a model server and MLflow load what is saved here.
 *
 * <pre>{@code
 * ModelFolder model = ModelFolder.builder()
 *         .flavor(Flavor.xgboost(booster.toByteArray("ubj"), "3.0.4"))
 *         .signature(Signature.of(
 *                 Schema.columns(Column.of("age", ColumnType.LONG), Column.of("balance", ColumnType.LONG)),
 *                 Schema.tensors(TensorSpec.unnamed("float32", -1))))
 *         .inputExample(InputExample.table(List.of("age", "balance"), List.of(List.of(58, 2143))))
 *         .requirements("xgboost==3.0.4", "pandas")
 *         .save(Path.of("model"));
 * }</pre>
 */
public final class ModelFolder {
    private static final int MAX_DESCRIPTOR_BYTES = 4 * 1024 * 1024;

    private final Path path;
    private final List<ModelFile> files;
    private final Map<String, Object> descriptor;
    private final Map<String, Map<String, Object>> flavors;
    private final Optional<Signature> signature;

    ModelFolder(Path path, List<ModelFile> files, Map<String, Object> descriptor) {
        this.path = path;
        this.files = files;
        this.descriptor = descriptor;
        this.flavors = flavorsOf(descriptor);
        Object texts = descriptor.get("signature");
        this.signature = texts == null
                ? Optional.empty()
                : Optional.of(Signature.read(Fields.mapping(texts, "MLmodel: signature"), "MLmodel: signature"));
    }

    /** {@return what a model is made of, to be saved} */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Reads a model that was saved on the JVM, after comparing its files with its manifest. Descriptors that Python
     * wrote are YAML, which is not read here: {@link #verify} checks any model, and the server tells flavors and
     * signature.
     *
     * @param path the folder
     * @return the model
     * @throws ModelCorruptException when files are missing, extra or changed, or there is no manifest
     * @throws ModelFormatException when it is no model that can be read here; the message names the key at fault
     * @throws IOException when a file cannot be read
     */
    public static ModelFolder read(Path path) throws IOException {
        List<ModelFile> files = verify(path);
        Path descriptor = path.resolve(ModelPaths.DESCRIPTOR);
        if (Files.size(descriptor) > MAX_DESCRIPTOR_BYTES) {
            throw new ModelFormatException(descriptor + " has more than " + MAX_DESCRIPTOR_BYTES + " bytes.");
        }
        String text = Files.readString(descriptor);
        if (!text.startsWith("{")) {
            throw new ModelFormatException(
                    descriptor + " is YAML that was not written on the JVM, which this client does not read.");
        }
        return new ModelFolder(path, files, Fields.mapping(Fields.json(text, "MLmodel"), "MLmodel"));
    }

    /**
     * Compares all files of a model, whatever wrote it, with its manifest.
     *
     * @param path the folder
     * @return the files with their digests, the manifest too, sorted by path
     * @throws ModelCorruptException when files are missing, extra or changed, or there is no manifest
     * @throws ModelFormatException when the folder holds a link, or is no model
     * @throws IOException when a file cannot be read
     */
    public static List<ModelFile> verify(Path path) throws IOException {
        if (!Files.isRegularFile(path.resolve(ModelPaths.DESCRIPTOR), LinkOption.NOFOLLOW_LINKS)) {
            throw new ModelFormatException(path + " is not a model's folder: it has no file 'MLmodel'.");
        }
        return Manifest.verify(path);
    }

    /**
     * {@return all files of a folder with their digests, sorted by path; they are compared with nothing}
     *
     * @param path the folder
     * @throws ModelFormatException when it holds a link, or a name that cannot be stored
     * @throws IOException when a file cannot be read
     */
    public static List<ModelFile> list(Path path) throws IOException {
        return Manifest.list(path);
    }

    /**
     * {@return the digest that stands for the content of a model: the SHA-256 of the manifest that it has, or would
     * have}
     *
     * @param files all files of the model
     */
    public static String digestOf(Collection<ModelFile> files) {
        return Manifest.digest(files);
    }

    /** {@return where the model is} */
    public Path path() {
        return path;
    }

    /** {@return all files with their digests, the manifest too, sorted by path} */
    public List<ModelFile> files() {
        return files;
    }

    /** {@return the digest that stands for the content of the model: the SHA-256 of its manifest, in hexadecimal} */
    public String digest() {
        return digestOf(files);
    }

    /** {@return the entries of the descriptor by flavor, that of {@code python_function} among them} */
    public Map<String, Map<String, Object>> flavors() {
        return flavors;
    }

    /**
     * {@return the file or folder that holds the model itself in a flavor}
     *
     * @param flavor one of {@link #flavors}, whose entry has the key {@code data}
     * @throws ModelFormatException when the model has no such flavor, or its entry names no file of the model
     * @throws NoSuchFileException when the file is not there
     */
    public Path data(String flavor) throws NoSuchFileException {
        String where = "MLmodel: flavors." + flavor;
        String data = Fields.text(Fields.mapping(flavors.get(flavor), where).get("data"), where + ".data");
        if (!ModelPaths.problemOf(data).isEmpty()) {
            throw new ModelFormatException(where + ".data is '" + data + "', which is no path of a file of the model.");
        }
        Path found = path.resolve(data);
        if (!Files.exists(found, LinkOption.NOFOLLOW_LINKS)) {
            throw new NoSuchFileException(found.toString());
        }
        return found;
    }

    /** {@return what the model takes and gives; empty when it does not say} */
    public Optional<Signature> signature() {
        return signature;
    }

    /** {@return the writer's own values} */
    public Map<String, Object> metadata() {
        Object metadata = descriptor.get("metadata");
        return metadata == null ? Map.of() : Fields.mapping(metadata, "MLmodel: metadata");
    }

    /** {@return the run that made the model; empty when the model does not say} */
    public Optional<String> runId() {
        return text("run_id");
    }

    /** {@return the id of the logged model that this is; empty when it is none yet} */
    public Optional<String> modelId() {
        return text("model_id");
    }

    @Override
    public String toString() {
        return "ModelFolder(" + path + ")";
    }

    private Optional<String> text(String key) {
        return Optional.ofNullable(descriptor.get(key)).map(value -> Fields.text(value, "MLmodel: " + key));
    }

    private static Map<String, Map<String, Object>> flavorsOf(Map<String, Object> descriptor) {
        Map<String, Map<String, Object>> flavors = new LinkedHashMap<>();
        Fields.mapping(descriptor.get("flavors"), "MLmodel: flavors")
                .forEach((name, entry) -> flavors.put(name, Fields.mapping(entry, "MLmodel: flavors." + name)));
        return Collections.unmodifiableMap(flavors);
    }

    /** What a model is made of. Not safe to use from several threads at once. */
    public static final class Builder {
        final List<Flavor> flavors = new ArrayList<>();
        Optional<Signature> signature = Optional.empty();
        Optional<InputExample> example = Optional.empty();
        Optional<List<String>> requirements = Optional.empty();
        Optional<String> card = Optional.empty();
        Map<String, Object> metadata = Map.of();
        String pythonVersion = "";
        String name = "";
        String runId = "";
        String modelId = "";

        private Builder() {}

        /**
         * Adds a way to load the model. The first is the one that is loaded where nobody asks for another.
         *
         * @param flavor with its files
         * @return this
         */
        public Builder flavor(Flavor flavor) {
            flavors.add(flavor);
            return this;
        }

        /**
         * Says what the model takes and gives. Without it, nothing is checked.
         *
         * @param given the signature
         * @return this
         */
        public Builder signature(Signature given) {
            signature = Optional.of(given);
            return this;
        }

        /**
         * Adds a small batch that the model answers.
         *
         * @param given the batch, as the signature wants it
         * @return this
         */
        public Builder inputExample(InputExample given) {
            example = Optional.of(given);
            return this;
        }

        /**
         * Says what loading and predicting in Python need, in place of what the flavors say.
         *
         * @param lines of {@code requirements.txt}
         * @return this
         */
        public Builder requirements(String... lines) {
            requirements = Optional.of(List.of(lines));
            return this;
        }

        /**
         * Says which Python the model needs. Unless it is said, that of the reader will do.
         *
         * @param version such as {@code 3.11} or {@code 3.11.9}
         * @return this
         */
        public Builder pythonVersion(String version) {
            pythonVersion = version;
            return this;
        }

        /**
         * Adds values of the caller's own.
         *
         * @param values of JSON
         * @return this
         * @throws IllegalArgumentException when a value is not of JSON
         */
        public Builder metadata(Map<String, ?> values) {
            metadata = Plain.copyOf(values, "The metadata");
            return this;
        }

        /**
         * Adds a text for people who consider using the model.
         *
         * @param markdown what it is for, how it was made and judged, its limits
         * @return this
         */
        public Builder modelCard(String markdown) {
            card = Optional.of(markdown);
            return this;
        }

        /**
         * Names the model.
         *
         * @param given kept in the descriptor
         * @return this
         */
        public Builder name(String given) {
            name = given;
            return this;
        }

        /**
         * Names the run that made the model.
         *
         * @param id of the run
         * @return this
         */
        public Builder runId(String id) {
            runId = id;
            return this;
        }

        /**
         * Chooses the id that the model gets when it is logged.
         *
         * @param id {@code m-} and 32 lowercase hexadecimal digits
         * @return this
         */
        public Builder modelId(String id) {
            modelId = id;
            return this;
        }

        /**
         * Writes the folder, which appears whole or not at all. Files are flushed to the disk.
         *
         * @param path the folder to make, below one that exists or can be made
         * @return the model
         * @throws IllegalArgumentException when there is no flavor, or two have the same name or file
         * @throws java.nio.file.FileAlreadyExistsException when the path exists: models are not overwritten
         * @throws IOException when a file cannot be read or written
         */
        public ModelFolder save(Path path) throws IOException {
            return ModelWriter.write(this, path);
        }
    }
}
