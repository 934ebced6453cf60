package dev.milepost.client.registry;

import static dev.milepost.client.registry.Samples.unique;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.MilepostClient;
import dev.milepost.client.errors.FailedPreconditionException;
import dev.milepost.client.errors.InvalidArgumentException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.v1.CreateModelVersionRequest;
import dev.milepost.v1.ErrorReason;
import dev.milepost.v1.ModelVersion;
import dev.milepost.v1.ModelVersionOrigin;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelVersionsTest {
    private static final MilepostClient CLIENT = Samples.client();
    private static LoggedModelHandle logged;

    private final ModelVersions versions = CLIENT.modelVersions();
    private final String name = unique("versions");

    @BeforeAll
    static void logModel(@TempDir Path scratch) throws Exception {
        logged = Samples.logged(CLIENT, scratch);
    }

    @AfterAll
    static void close() {
        CLIENT.close();
    }

    private ModelVersionHandle elsewhere() {
        return versions.create(NewModelVersion.ofUrl(name, "s3://bucket/model").createModel());
    }

    @Test
    void aVersionOfALoggedModelHasItsRunFilesAndDigest() {
        ModelVersionHandle version = versions.create(NewModelVersion.ofLoggedModel(name, logged.id())
                .description("first")
                .modelCard("# Card")
                .tag("checked", "yes")
                .createModel());
        assertEquals(1, version.version());
        assertEquals(Optional.of(logged.id()), version.modelId());
        assertEquals(Optional.of(logged.runId()), version.runId());
        assertEquals(Optional.of(logged.path()), version.path());
        assertEquals(logged.sha256(), version.sha256());
        assertEquals(logged.size(), version.size());
        assertEquals(ModelVersion.Status.STATUS_READY, version.status());
        assertEquals(System.getProperty("user.name"), version.user());
        assertEquals("# Card", versions.get(name, 1).modelCard());
        assertEquals(version.proto(), versions.getByAlias(name, "latest").proto());
    }

    @Test
    void aLoggedModelThatAVersionConsistsOfIsNotDeleted() {
        ModelVersionHandle version = logged.register(Registration.as(name));
        FailedPreconditionException error =
                assertThrows(FailedPreconditionException.class, () -> logged.delete());
        assertEquals(ErrorReason.ERROR_REASON_MODEL_IN_USE, error.reason());
        assertTrue(error.metadata().get("versions").contains(name));
        version.delete();
        assertThrows(NotFoundException.class, version::refresh);
    }

    @Test
    void aVersionNeedsExactlyOneSource() {
        NewModelVersion none = new NewModelVersion(CreateModelVersionRequest.newBuilder()
                .setModelVersion(ModelVersion.newBuilder().setName(name))
                .setCreateModel(true)
                .build());
        InvalidArgumentException error = assertThrows(InvalidArgumentException.class, () -> versions.create(none));
        assertEquals(ErrorReason.ERROR_REASON_BAD_MODEL_SOURCE, error.reason());
    }

    @Test
    void oneOfAStageArchivesTheOthersAtOnce() {
        elsewhere().transition(ModelVersion.Stage.STAGE_PRODUCTION, false);
        elsewhere().transition(ModelVersion.Stage.STAGE_PRODUCTION, false);
        Transition moved = elsewhere().transition(ModelVersion.Stage.STAGE_PRODUCTION, true);
        assertEquals(ModelVersion.Stage.STAGE_PRODUCTION, moved.version().stage());
        assertEquals(List.of(1L, 2L), moved.archived().stream().sorted().toList());
        assertEquals(ModelVersion.Stage.STAGE_ARCHIVED, versions.get(name, 2).stage());
    }

    @Test
    void aCopyKnowsItsOriginAndDoesNotGoBackThere() {
        String destination = unique("copies");
        ModelVersionHandle origin = elsewhere().setTags(Map.of("a", "1", "b", "2")).deleteTags("b");
        ModelVersionHandle copy = origin.copy(destination, true);
        assertEquals(
                Optional.of(ModelVersionOrigin.newBuilder().setName(name).setVersion(1).build()), copy.copiedFrom());
        assertEquals(Map.of("a", "1"), copy.tags());
        FailedPreconditionException error =
                assertThrows(FailedPreconditionException.class, () -> copy.copy(name, false));
        assertEquals(ErrorReason.ERROR_REASON_COPY_CYCLE, error.reason());
        NotFoundException missing =
                assertThrows(NotFoundException.class, () -> origin.copy(unique("missing"), false));
        assertEquals(ErrorReason.ERROR_REASON_MODEL_NOT_FOUND, missing.reason());
    }

    @Test
    void everyKindOfUriIsRegistered() {
        ModelVersionHandle ofModel = versions.register(
                logged.uri(), Registration.as(name).tag("a", "1").modelCard("card").alias("one").alias("two"));
        assertEquals(List.of("one", "two"), ofModel.aliases());
        assertEquals("card", ofModel.modelCard());

        Registration as = Registration.as(unique("target")).description("said anew").tag("b", "2");
        ModelVersionHandle ofAlias = versions.register("models:/" + name + "@two", as);
        assertEquals(1, ofAlias.copiedFrom().orElseThrow().getVersion());
        assertEquals("said anew", ofAlias.description());
        assertEquals("card", ofAlias.modelCard());
        assertEquals(Map.of("a", "1", "b", "2"), ofAlias.tags());

        assertEquals(logged.sha256(), versions.register("models:/" + name + "/1", as).sha256());
        String byName = "runs:/" + logged.runId() + "/" + logged.name();
        assertEquals(Optional.of(logged.id()), versions.register(byName, as).modelId());
        String byPath = "runs:/" + logged.runId() + "/" + logged.path();
        assertEquals(Optional.of(logged.id()), versions.register(byPath, as).modelId());
        String artifacts = byPath + "/sub folder";
        assertEquals(Optional.of(logged.path() + "/sub folder"), versions.register(artifacts, as).path());
        assertEquals(Optional.of("gs://b/m"), versions.register("gs://b/m", as).sourceUri());
    }

    @Test
    void aNameOrAliasThatNoUriCanHoldIsRefusedBeforeAnythingIsMade() {
        assertThrows(IllegalArgumentException.class, () -> Registration.as("a/b"));
        assertThrows(IllegalArgumentException.class, () -> Registration.as("a").alias("latest"));
        assertThrows(IllegalArgumentException.class, () -> Registration.as("a").alias("v7"));
    }

    @Test
    void filesElsewhereBecomeReadyOnceAndForAll() {
        ModelVersionHandle pending = versions.create(NewModelVersion.ofUrl(name, "s3://bucket/model")
                .status(ModelVersion.Status.STATUS_PENDING)
                .madeBy("r1", logged.id())
                .sha256("0".repeat(64))
                .user("")
                .createModel());
        assertEquals(Optional.of("r1"), pending.runId());
        assertEquals("", pending.user());
        ModelVersionHandle ready = pending.update(
                ModelVersionUpdate.none().status(ModelVersion.Status.STATUS_READY, "checked").ifEtag(pending.etag()));
        assertEquals("checked", ready.statusMessage());
        FailedPreconditionException error = assertThrows(
                FailedPreconditionException.class,
                () -> ready.update(ModelVersionUpdate.none().status(ModelVersion.Status.STATUS_FAILED, "")));
        assertEquals(ErrorReason.ERROR_REASON_MODEL_VERSION_READY, error.reason());
        ModelVersionUpdate words =
                ModelVersionUpdate.none().description("d").modelCard("c").tags(Map.of("only", "this"));
        assertEquals(Map.of("only", "this"), ready.update(words).tags());
    }

    @Test
    void aConditionOnTheVersionsOfOneModelDoesNotReachThoseOfOthers() {
        String quoted = name + "'s";
        for (String model : List.of(name, quoted)) {
            versions.create(NewModelVersion.ofUrl(model, "s3://bucket/a").tag("k", "a").modelCard("c").createModel());
            versions.create(NewModelVersion.ofUrl(model, "s3://bucket/b").tag("k", "b"));
            versions.create(NewModelVersion.ofUrl(model, "s3://bucket/c").tag("k", "c"));
        }
        ModelVersionQuery query =
                ModelVersionQuery.of(quoted).filter("tags.k = 'a' OR tags.k = 'c'").orderBy("version");
        List<ModelVersionHandle> found = versions.list(query).pageSize(1).toList();
        assertEquals(List.of(1L, 3L), found.stream().map(ModelVersionHandle::version).toList());
        assertEquals(quoted, found.get(1).name());
        assertEquals("", found.get(0).modelCard());
        assertEquals("c", versions.list(query.fields("model_card")).first().orElseThrow().modelCard());
        assertEquals(3, CLIENT.registeredModels().get(name).versions().toList().size());
        assertEquals(1, versions.list("name = '" + name + "' AND tags.k = 'b'").toList().size());
        assertThrows(IllegalArgumentException.class, () -> versions.list(ModelVersionQuery.of("'\"")));
    }
}
