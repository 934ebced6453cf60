package dev.milepost.client.models;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One way in which a model is stored and loaded, such as XGBoost's files. Immutable: its verbs return another one.
 *
 * <pre>{@code
 * Flavor.named("spark")
 *         .option("model_data", "sparkml")
 *         .file("sparkml", Path.of("pipeline"))
 *         .loader("mlflow.spark", "sparkml")
 *         .requires("pyspark==4.0.1")
 * }</pre>
 */
public final class Flavor {
    private static final String DATA = "data";

    private final String name;
    private final Map<String, Object> options;
    private final Map<String, Content> files;
    private final String loader;
    private final String loaderPath;
    private final List<String> requirements;

    /** Where a file, or a folder with all in it, comes from. */
    interface Content {
        /** Writes it to a place where nothing is yet. */
        void write(Path target) throws IOException;
    }

    private Flavor(
            String name,
            Map<String, Object> options,
            Map<String, Content> files,
            String loader,
            String loaderPath,
            List<String> requirements) {
        this.name = name;
        this.options = options;
        this.files = files;
        this.loader = loader;
        this.loaderPath = loaderPath;
        this.requirements = requirements;
    }

    /**
     * {@return a flavor without options and files, to which they are added}
     *
     * @param name key of the flavor in descriptors, as Python's client and MLflow spell it
     */
    public static Flavor named(String name) {
        return new Flavor(name, Map.of(), Map.of(), "", "", List.of());
    }

    /**
     * {@return a booster of XGBoost; Python loads it as {@code xgboost.Booster}, of this version or a later one}
     *
     * @param ubj what {@code Booster.toByteArray("ubj")} of XGBoost4J gives
     * @param version of XGBoost that trained it, such as {@code 3.0.4}
     */
    public static Flavor xgboost(byte[] ubj, String version) {
        return named("xgboost")
                .file("model.ubj", ubj)
                .option(DATA, "model.ubj")
                .option("model_format", "ubj")
                .option("model_class", "xgboost.core.Booster")
                .option("xgb_version", version)
                .loader("mlflow.xgboost", "model.ubj")
                .requires("xgboost>=" + version);
    }

    /**
     * {@return a graph in the format of ONNX; Python answers it by ONNX Runtime}
     *
     * @param model the graph, its weights included
     */
    public static Flavor onnx(byte[] model) {
        return named("onnx")
                .file("model.onnx", model)
                .option(DATA, "model.onnx")
                .option("providers", List.of("CUDAExecutionProvider", "CPUExecutionProvider"))
                .option("onnx_session_options", null)
                .loader("mlflow.onnx", "model.onnx")
                .requires("onnx", "onnxruntime");
    }

    /**
     * {@return the same with an option}
     *
     * @param key of the flavor's entry in the descriptor
     * @param value a value of JSON: null, boolean, finite number, text, list or mapping of these
     * @throws IllegalArgumentException when it is another value
     */
    public Flavor option(String key, Object value) {
        Object copy = Plain.copyOf(value, "The option " + key + " of the flavor " + name);
        return new Flavor(name, with(options, key, copy), files, loader, loaderPath, requirements);
    }

    /**
     * {@return the same with a file}
     *
     * @param path of the file in the model's folder, with forward slashes
     * @param content of the file; not copied
     * @throws IllegalArgumentException when the path cannot be in a model
     */
    public Flavor file(String path, byte[] content) {
        return file(path, (Content) target -> Files.write(target, content, StandardOpenOption.CREATE_NEW));
    }

    /**
     * {@return the same with a file, or a folder with all in it}
     *
     * @param path of the file or folder in the model's folder, with forward slashes
     * @param source what is copied when the model is saved
     * @throws IllegalArgumentException when the path cannot be in a model
     */
    public Flavor file(String path, Path source) {
        return file(path, (Content) target -> ModelPaths.copy(source, target));
    }

    /**
     * {@return the same, for those who load any model by MLflow's {@code pyfunc}}
     *
     * @param module of MLflow's that loads it, such as {@code mlflow.spark}
     * @param path in the model's folder that the module is given; empty for the folder itself
     */
    public Flavor loader(String module, String path) {
        return new Flavor(name, options, files, module, path, requirements);
    }

    /**
     * {@return the same with other requirements}
     *
     * @param lines of {@code requirements.txt}, in place of those there are
     */
    public Flavor requires(String... lines) {
        return new Flavor(name, options, files, loader, loaderPath, List.of(lines));
    }

    /** {@return key of the flavor in descriptors} */
    public String name() {
        return name;
    }

    /** {@return its entry in the descriptor, as its loader reads it} */
    public Map<String, Object> options() {
        return options;
    }

    Map<String, Content> files() {
        return files;
    }

    /** The module by which MLflow loads it; empty when there is none. */
    String loader() {
        return loader;
    }

    /** What this module is given; empty for the folder itself. */
    String loaderPath() {
        return loaderPath;
    }

    List<String> requirements() {
        return requirements;
    }

    @Override
    public String toString() {
        return "Flavor(" + name + ")";
    }

    private Flavor file(String path, Content content) {
        ModelPaths.check(path);
        return new Flavor(name, options, with(files, path, content), loader, loaderPath, requirements);
    }

    private static <T> Map<String, T> with(Map<String, T> values, String key, T value) {
        Map<String, T> more = new LinkedHashMap<>(values);
        more.put(key, value);
        return Collections.unmodifiableMap(more);
    }
}
