package dev.milepost.client.models;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelFolderTest {
    private static final byte[] BOOSTER = "a booster".getBytes(UTF_8);
    private static final Schema SCORES = Schema.tensors(TensorSpec.unnamed("float32", -1));

    @TempDir
    private Path folder;

    private static ModelFolder.Builder booster() {
        return ModelFolder.builder().flavor(Flavor.xgboost(BOOSTER, "3.0.4"));
    }

    @Test
    void pythonReadsTheFlavorAndItsEnvironment() throws Exception {
        ModelFolder saved = booster().runId("r1").pythonVersion("3.11").save(folder.resolve("model"));
        Map<String, Object> read = ModelReport.of(saved.path());
        assertEquals("xgboost", read.get("flavor"));
        assertEquals(saved.flavors(), read.get("flavors"));
        assertEquals("mlflow.xgboost", saved.flavors().get("python_function").get("loader_module"));
        assertEquals(List.of("xgboost>=3.0.4"), read.get("requirements"));
        assertEquals("3.11", read.get("python"));
        assertEquals("r1", read.get("run_id"));
        assertEquals(saved.digest(), read.get("digest"));
    }

    @Test
    void pythonReadsEverySignatureAsItWasMeant() throws Exception {
        ColumnType address = ColumnType.object(
                Column.of("street", ColumnType.STRING), Column.optional("since", ColumnType.DATETIME));
        Signature signature = Signature.of(
                        Schema.columns(
                                Column.of("größe \"cm\"", ColumnType.LONG),
                                Column.optional("tags", ColumnType.arrayOf(ColumnType.STRING)),
                                Column.of("addresses", ColumnType.mapOf(address)),
                                Column.optional("😀", ColumnType.SPARKML_VECTOR)),
                        Schema.tensors(TensorSpec.of("scores", "float64", -1, 3), TensorSpec.of("ids", "str", -1)))
                .param(ModelParam.of("temperature", ColumnType.DOUBLE, 0.7))
                .param(new ModelParam("stop", ColumnType.STRING, List.of("\n", "\u2028"), true));
        Path path = booster().signature(signature).save(folder.resolve("model")).path();
        Map<String, Object> texts = Fields.mapping(ModelReport.of(path).get("signature"), "python");
        assertEquals(signature, Signature.read(texts, "python"));
        assertEquals(signature, ModelFolder.read(path).signature().orElseThrow());
        Map<String, Object> logged = Fields.mapping(Fields.json(signature.toJson(), "json"), "json");
        assertEquals(List.of("inputs", "outputs", "params"), List.copyOf(logged.keySet()));
        assertEquals(Fields.json(texts.get("outputs"), "python"), logged.get("outputs"));
    }

    @Test
    void pythonPassesTheRowsOfAnExampleToTheModel() throws Exception {
        Path path = booster()
                .signature(Signature.of(
                        Schema.columns(
                                Column.of("age", ColumnType.LONG),
                                Column.of("ratio", ColumnType.FLOAT),
                                Column.optional("name", ColumnType.STRING),
                                Column.of("housing", ColumnType.BOOLEAN)),
                        SCORES))
                .inputExample(InputExample.table(
                                List.of("age", "ratio", "name", "housing"),
                                List.of(
                                        List.of(58, 0.1f, "Zoë", true),
                                        Arrays.asList(1L << 60, 0.5f, null, false))))
                .save(folder.resolve("model"))
                .path();
        Map<String, Object> read = ModelReport.of(path);
        Map<String, Object> example = Fields.mapping(read.get("example"), "example");
        assertEquals(List.of(58L, 1L << 60), example.get("age"));
        assertEquals(List.of((double) 0.1f, 0.5), example.get("ratio"));
        assertEquals(Arrays.asList("Zoë", null), example.get("name"));
        assertEquals(List.of(true, false), example.get("housing"));
        assertTrue(Fields.mapping(read.get("request"), "request").containsKey("dataframe_split"));
    }

    @Test
    void pythonPassesTheTensorAndParamsOfAnExampleToTheModel() throws Exception {
        Path path = booster()
                .signature(Signature.of(Schema.tensors(TensorSpec.unnamed("float32", -1, 2)), SCORES)
                        .param(ModelParam.of("margin", ColumnType.BOOLEAN, false)))
                .inputExample(InputExample.tensor(new float[][] {{0.1f, 1e20f}, {-0.0f, Float.MIN_VALUE}})
                        .withParams(Map.of("margin", true)))
                .save(folder.resolve("model"))
                .path();
        Map<String, Object> read = ModelReport.of(path);
        assertEquals(
                List.of(List.of((double) 0.1f, (double) 1e20f), List.of(-0.0, (double) Float.MIN_VALUE)),
                read.get("example"));
        assertEquals(Map.of("margin", true), read.get("params"));
    }

    @Test
    void jsonOfTheDescriptorIsTheSameAsYaml() throws Exception {
        StringBuilder everyCharacter = new StringBuilder();
        for (int point = 0; point <= 0x10ffff; point += point < 0x3000 ? 1 : 0xff) {
            if (point < Character.MIN_SURROGATE || point > Character.MAX_SURROGATE) {
                everyCharacter.appendCodePoint(point);
            }
        }
        Map<String, Object> metadata = Plain.copyOf(
                Map.of(
                        "texts",
                        List.of(everyCharacter.toString(), "yes", "1:30", "~", "", "# no comment", "a: b", "null"),
                        "numbers",
                        List.of(1e300, 1e-7, 100.0, -0.0, 0.1, Long.MIN_VALUE, Long.MAX_VALUE, 7),
                        "k".repeat(1000),
                        Arrays.asList(null, true, Map.of(), List.of(), Map.of("größe", List.of(1)))),
                "metadata");
        Path path = booster().metadata(metadata).save(folder.resolve("model")).path();
        assertEquals(metadata, ModelReport.of(path).get("metadata"));
        assertEquals(metadata, ModelFolder.read(path).metadata());
    }

    @Test
    void aFlavorOfAnyNameBringsFilesAndFolders() throws Exception {
        Path stage = Files.createDirectories(folder.resolve("pipeline/stages/0"));
        Files.writeString(stage.resolve("part-0"), "stage");
        Flavor spark = Flavor.named("spark")
                .option("model_data", "sparkml")
                .file("sparkml", folder.resolve("pipeline"))
                .loader("mlflow.spark", "sparkml")
                .requires("pyspark");
        ModelFolder saved = ModelFolder.builder()
                .flavor(spark)
                .flavor(Flavor.onnx(BOOSTER))
                .save(folder.resolve("model"));
        assertEquals("stage", Files.readString(saved.path().resolve("sparkml/stages/0/part-0")));
        assertArrayEquals(BOOSTER, Files.readAllBytes(saved.data("onnx")));
        Map<String, Object> read = ModelReport.of(saved.path());
        assertEquals("spark", read.get("flavor"));
        assertEquals(List.of("pyspark", "onnx", "onnxruntime"), read.get("requirements"));
    }

    @Test
    void readingGivesWhatWasSaved() throws Exception {
        Instant before = Instant.now();
        ModelFolder saved = booster().modelCard("# Bank").runId("r").save(folder.resolve("a/b/model"));
        ModelFolder read = ModelFolder.read(saved.path());
        assertEquals(saved.files(), read.files());
        assertEquals(saved.digest(), read.digest());
        assertEquals(saved.flavors(), read.flavors());
        assertEquals("r", read.runId().orElseThrow());
        assertEquals("# Bank", Files.readString(read.path().resolve("model_card.md")));
        double written = (double) ModelReport.of(saved.path()).get("written");
        assertTrue(written >= before.toEpochMilli() / 1000.0 - 0.001);
        assertTrue(written <= Instant.now().toEpochMilli() / 1000.0 + 0.001);
    }

    @Test
    void filesThatAreChangedMissingOrExtraAreNamed() throws Exception {
        ModelFolder saved = booster().modelCard("# Bank").save(folder.resolve("model"));
        Files.writeString(saved.path().resolve("model.ubj"), "another");
        Files.delete(saved.path().resolve("model_card.md"));
        Files.writeString(saved.path().resolve("sitecustomize.py"), "");
        ModelCorruptException refused =
                assertThrows(ModelCorruptException.class, () -> ModelFolder.read(saved.path()));
        assertEquals(List.of("model.ubj", "model_card.md", "sitecustomize.py"), refused.paths());
    }

    @Test
    void linksAndModelsWithoutManifestAreRefused() throws Exception {
        ModelFolder saved = booster().save(folder.resolve("model"));
        Path link = Files.createSymbolicLink(saved.path().resolve("link"), folder);
        assertThrows(ModelFormatException.class, () -> ModelFolder.read(saved.path()));
        Files.delete(link);
        Files.delete(saved.path().resolve("SHA256SUMS"));
        assertThrows(ModelCorruptException.class, () -> ModelFolder.verify(saved.path()));
    }

    @Test
    void aModelIsNotOverwrittenAndLeavesNothingWhenItFails() throws Exception {
        ModelFolder saved = booster().save(folder.resolve("model"));
        assertThrows(FileAlreadyExistsException.class, () -> booster().save(saved.path()));
        Flavor lost = Flavor.named("spark").file("sparkml", folder.resolve("not there"));
        assertThrows(IOException.class, () -> ModelFolder.builder().flavor(lost).save(folder.resolve("other")));
        try (Stream<Path> left = Files.list(folder)) {
            assertEquals(List.of(saved.path()), left.toList());
        }
    }

    @Test
    void whatCannotBeInAModelIsRefusedBeforeItIsWritten() {
        Flavor flavor = Flavor.named("f");
        List<String> refused =
                List.of("../up", "/root", "a//b", "MLmodel", "a\\b", "100%", "e\u0301", "", "x".repeat(256));
        for (String path : refused) {
            assertThrows(IllegalArgumentException.class, () -> flavor.file(path, BOOSTER), path);
        }
        assertThrows(IllegalArgumentException.class, () -> flavor.option("rate", Double.NaN));
        assertThrows(IllegalArgumentException.class, () -> booster().metadata(Map.of("lone", "\ud800")));
        assertThrows(IllegalArgumentException.class, () -> InputExample.table(List.of("a"), List.of(List.of(1, 2))));
        assertThrows(IllegalArgumentException.class, () -> Schema.columns(
                Column.of("a", ColumnType.LONG), Column.unnamed(ColumnType.LONG)));
        assertThrows(IllegalArgumentException.class, () -> ModelParam.of("p", ColumnType.BINARY, null));
        assertFalse(Files.exists(folder.resolve("model")));
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "{}", "{\"flavors\": []}", "{\"flavors\": {}, \"signature\": 1}", "{\"flavors\": {\"f\": 1}}", "{\"flavors\": {}",
        "{\"flavors\": {}, \"signature\": {\"inputs\": \"{}\"}}",
        "{\"flavors\": {}, \"signature\": {\"inputs\": \"[]\"}}",
        "{\"flavors\": {}, \"signature\": {\"inputs\": \"[{\\\"type\\\": \\\"text\\\"}]\"}}",
        "{\"flavors\": {}, \"signature\": {\"inputs\": \"[1\"}}",
    })
    void aDescriptorThatIsWrongIsRefusedByName(String text) {
        ModelFormatException refused = assertThrows(ModelFormatException.class, () -> {
            Map<String, Object> keys = Fields.mapping(Fields.json(text, "MLmodel"), "MLmodel");
            new ModelFolder(null, List.of(), keys);
        });
        assertTrue(refused.getMessage().startsWith("MLmodel: "), refused.getMessage());
    }
}
