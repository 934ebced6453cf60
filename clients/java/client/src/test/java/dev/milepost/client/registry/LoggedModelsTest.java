package dev.milepost.client.registry;

import static dev.milepost.client.registry.Samples.unique;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.MilepostClient;
import dev.milepost.client.errors.AlreadyExistsException;
import dev.milepost.client.errors.FailedPreconditionException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.client.tracking.ExperimentScope;
import dev.milepost.v1.ErrorReason;
import dev.milepost.v1.LoggedModel;
import dev.milepost.v1.ModelDataset;
import dev.milepost.v1.ModelFile;
import dev.milepost.v1.ModelMetric;
import dev.milepost.v1.View;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class LoggedModelsTest {
    private static final MilepostClient CLIENT = Samples.client();

    private final LoggedModels models = CLIENT.loggedModels();
    private final String name = unique("logged");

    @AfterAll
    static void close() {
        CLIENT.close();
    }

    private LoggedModelHandle pending() {
        return models.create(NewLoggedModel.withoutRun("0", name));
    }

    private static ModelFile file(LoggedModelHandle model, String path, String content) {
        var stored = CLIENT.artifacts()
                .uploadBytes(model.runId(), content.getBytes(StandardCharsets.UTF_8), model.path() + "/" + path);
        return ModelFile.newBuilder()
                .setPath(path)
                .setSize(stored.getSize())
                .setSha256(stored.getSha256())
                .build();
    }

    @Test
    void aModelIsReadAsItWasCreated() {
        String id = NewLoggedModel.newId();
        LoggedModelHandle created = models.create(NewLoggedModel.withoutRun("0", name)
                .modelId(id)
                .modelType("classifier")
                .flavors(List.of("xgboost", "onnx"))
                .signatureJson("{\"inputs\": []}")
                .param("depth", Long.MIN_VALUE)
                .params(Map.of("lr", 3e-4, "layers", Arrays.asList(1, null)))
                .tag("a", "1"));
        LoggedModelHandle read = models.get(id);
        assertEquals(created.proto(), read.proto());
        assertEquals(id, read.id());
        assertEquals(LoggedModel.Status.STATUS_PENDING, read.status());
        assertEquals(List.of("xgboost", "onnx"), read.flavors());
        assertEquals(
                Map.of("depth", Long.MIN_VALUE, "lr", 3e-4, "layers", Arrays.asList(1L, null)), read.params());
        AlreadyExistsException taken = assertThrows(
                AlreadyExistsException.class,
                () -> models.create(NewLoggedModel.withoutRun("0", name).modelId(id)));
        assertEquals(ErrorReason.ERROR_REASON_LOGGED_MODEL_EXISTS, taken.reason());
    }

    @Test
    void itIsReadyOnlyWithTheFilesThatAreListed() {
        LoggedModelHandle model = pending();
        ModelFile here = file(model, "here", "a");
        ModelFile other = file(model, "other", "b");
        file(model, "unlisted", "c");
        ModelCompletion wrong = ModelCompletion.ready(List.of(
                here, other.toBuilder().setSha256(here.getSha256()).build(), here.toBuilder().setPath("gone").build()));
        FailedPreconditionException error = assertThrows(
                FailedPreconditionException.class, () -> models.complete(model.id(), wrong));
        assertEquals(ErrorReason.ERROR_REASON_LOGGED_MODEL_INCOMPLETE, error.reason());
        assertEquals("1", error.metadata().get("missing"));
        assertEquals("1", error.metadata().get("different"));
        assertEquals("1", error.metadata().get("unlisted"));

        LoggedModelHandle ready = models.complete(
                model.id(), ModelCompletion.readyAsStored().flavors(List.of("f")).signatureJson("{}"));
        assertEquals(LoggedModel.Status.STATUS_READY, ready.status());
        assertEquals(List.of("f"), ready.flavors());
        assertEquals(3, ready.refresh().files().size());
        FailedPreconditionException late = assertThrows(
                FailedPreconditionException.class, () -> models.complete(model.id(), ModelCompletion.failed("late")));
        assertEquals(ErrorReason.ERROR_REASON_LOGGED_MODEL_FINAL, late.reason());
        assertThrows(FailedPreconditionException.class, () -> file(model, "here", "changed"));
    }

    @Test
    void whatIsSaidOfAReadyModelMayChangeButItsParamsDoNot() {
        LoggedModelHandle model = models.complete(pending().id(), ModelCompletion.readyAsStored());
        ModelMetric measured = ModelMetric.newBuilder()
                .setKey("auc")
                .setValue(Double.longBitsToDouble(0x7ff800000000beefL))
                .setStep(Long.MAX_VALUE)
                .setDatasetName("test")
                .setDatasetDigest("d1")
                .build();
        LoggedModelHandle updated = model.update(LoggedModelUpdate.none()
                .param("depth", 3)
                .params(Map.of("wide", true))
                .tag("a", "1")
                .tags(Map.of("b", "2"))
                .metric("loss", -0.0)
                .metrics(measured));
        assertEquals(Map.of("depth", 3L, "wide", true), updated.params());
        ModelMetric stored = updated.metrics().stream()
                .filter(metric -> metric.getKey().equals("auc"))
                .findFirst()
                .orElseThrow();
        assertEquals(0x7ff800000000beefL, Double.doubleToRawLongBits(stored.getValue()));
        assertEquals(Long.MAX_VALUE, stored.getStep());
        assertEquals(Map.of("b", "2"), updated.update(LoggedModelUpdate.none().deleteTags("a")).tags());
        AlreadyExistsException conflict = assertThrows(
                AlreadyExistsException.class, () -> model.update(LoggedModelUpdate.none().param("depth", 4)));
        assertEquals(ErrorReason.ERROR_REASON_PARAM_CONFLICT, conflict.reason());
        assertEquals("depth", conflict.metadata().get("key"));
    }

    @Test
    void metricsOfOneDatasetDecideWhatIsFoundAndInWhichOrder() {
        for (int auc : List.of(3, 1, 2)) {
            ModelMetric on = ModelMetric.newBuilder().setKey("auc").setDatasetName("test").setValue(auc).build();
            pending().update(LoggedModelUpdate.none()
                    .metrics(on, on.toBuilder().setDatasetName("train").setValue(9 - auc).build()));
        }
        ModelDataset test = ModelDataset.newBuilder().setName("test").build();
        LoggedModelQuery query = LoggedModelQuery.in("0")
                .filter("name = '" + name + "' AND metrics.auc < 3")
                .measuredOn(test)
                .orderBy("metrics.auc")
                .orderedOn(test);
        List<Double> found = models.list(query).pageSize(1).stream()
                .map(model -> model.metrics().stream()
                        .filter(metric -> metric.getDatasetName().equals("test"))
                        .findFirst()
                        .orElseThrow()
                        .getValue())
                .toList();
        assertEquals(List.of(1.0, 2.0), found);
    }

    @Test
    void modelsOfAnExperimentAreListedByItsName() {
        pending();
        LoggedModelQuery query = LoggedModelQuery.of(ExperimentScope.named("Default"))
                .filter("name = '" + name + "'")
                .fields("name");
        assertEquals(List.of(name), models.list(query).stream().map(LoggedModelHandle::name).toList());
        NotFoundException unknown = assertThrows(
                NotFoundException.class,
                () -> models.list(LoggedModelQuery.of(ExperimentScope.named(name))).toList());
        assertEquals(ErrorReason.ERROR_REASON_EXPERIMENT_NOT_FOUND, unknown.reason());
    }

    @Test
    void aDeletedModelIsShownWhereItIsAskedForAndComesBack() {
        LoggedModelHandle deleted = pending().delete();
        assertTrue(deleted.isDeleted());
        String filter = "model_id = '" + deleted.id() + "'";
        assertEquals(List.of(), models.list(filter).toList());
        LoggedModelQuery withDeleted = LoggedModelQuery.all().filter(filter).view(View.VIEW_DELETED);
        assertEquals(1, models.list(withDeleted).toList().size());
        FailedPreconditionException error = assertThrows(
                FailedPreconditionException.class, () -> deleted.update(LoggedModelUpdate.none().tag("a", "1")));
        assertEquals(ErrorReason.ERROR_REASON_LOGGED_MODEL_DELETED, error.reason());
        assertFalse(deleted.restore().isDeleted());
    }
}
