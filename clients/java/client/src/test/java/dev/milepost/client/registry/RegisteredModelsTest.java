package dev.milepost.client.registry;

import static dev.milepost.client.registry.Samples.unique;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.milepost.client.MilepostClient;
import dev.milepost.client.calls.Calls;
import dev.milepost.client.errors.AbortedException;
import dev.milepost.client.errors.AlreadyExistsException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.v1.ErrorReason;
import dev.milepost.v1.RegistryEvent;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class RegisteredModelsTest {
    private static final MilepostClient CLIENT = Samples.client();

    private final RegisteredModels models = CLIENT.registeredModels();
    private final String name = unique("fraud");

    @AfterAll
    static void close() {
        CLIENT.close();
    }

    /** A registered model with versions of files elsewhere. */
    private RegisteredModelHandle withVersions(int count) {
        for (int version = 1; version <= count; version++) {
            CLIENT.modelVersions()
                    .create(NewModelVersion.ofUrl(name, "s3://bucket/" + version).createModel());
        }
        return models.get(name);
    }

    @Test
    void aModelIsReadAsItWasCreated() {
        RegisteredModelHandle created = models.create(NewRegisteredModel.named(name)
                .description("Flags fraud.")
                .tag("team", "risk")
                .tags(Map.of("größe", "groß"))
                .protectedAlias("champion", "alice", "ops"));
        RegisteredModelHandle read = models.get(name);
        assertEquals(created.proto(), read.proto());
        assertEquals("Flags fraud.", read.description());
        assertEquals(Map.of("team", "risk", "größe", "groß"), read.tags());
        assertEquals(Map.of("champion", List.of("alice", "ops")), read.protectedAliases());
        assertEquals(0, read.latestVersion());
        assertEquals(read.createTime(), read.updateTime());
    }

    @Test
    void aTakenNameIsRefused() {
        models.create(name);
        AlreadyExistsException error = assertThrows(AlreadyExistsException.class, () -> models.create(name));
        assertEquals(ErrorReason.ERROR_REASON_MODEL_EXISTS, error.reason());
    }

    @Test
    void aRepeatUnderOneRequestIdIsOneModel() {
        NewRegisteredModel model = NewRegisteredModel.named(name).requestId(unique("request"));
        assertEquals(models.create(model).proto(), models.create(model).proto());
    }

    @Test
    void futuresFailWithTheSameExceptions() {
        CompletableFuture<RegisteredModelHandle> future = models.getAsync(name);
        Throwable cause = assertThrows(ExecutionException.class, future::get).getCause();
        assertEquals(
                ErrorReason.ERROR_REASON_MODEL_NOT_FOUND,
                assertInstanceOf(NotFoundException.class, cause).reason());
    }

    @Test
    void anAliasMovesOnlyFromWhereTheCallerThinksItIs() {
        RegisteredModelHandle model = withVersions(3);
        assertEquals(Map.of("champion", 1L), model.setAlias("champion", 1, 0).aliases());
        assertEquals(Map.of("champion", 2L), model.setAlias("champion", 2, 1).aliases());

        AbortedException moved = assertThrows(AbortedException.class, () -> model.setAlias("champion", 3, 1));
        assertEquals(ErrorReason.ERROR_REASON_ALIAS_MOVED, moved.reason());
        assertEquals("1", moved.metadata().get("expected"));
        assertEquals("2", moved.metadata().get("actual"));
        assertFalse(moved.isRetriable());

        assertEquals(Map.of("champion", 3L), model.setAlias("champion", 3).aliases());
        assertThrows(AbortedException.class, () -> model.deleteAlias("champion", 2));
        assertEquals(3, model.version("champion").version());
        assertEquals(Map.of(), model.deleteAlias("champion", 3).aliases());
        NotFoundException none = assertThrows(NotFoundException.class, () -> model.deleteAlias("champion"));
        assertEquals(ErrorReason.ERROR_REASON_ALIAS_NOT_FOUND, none.reason());
    }

    @Test
    void ofConcurrentMovesOfAnAliasOneWins() {
        RegisteredModelHandle model = withVersions(3);
        List<CompletableFuture<RegisteredModelHandle>> moves =
                List.of(model.setAliasAsync("champion", 1, 0), model.setAliasAsync("champion", 2, 0),
                        model.setAliasAsync("champion", 3, 0));
        long won = moves.stream().filter(move -> {
            try {
                Calls.await(move);
                return true;
            } catch (AbortedException lost) {
                return false;
            }
        }).count();
        assertEquals(1, won);
    }

    @Test
    void anUpdateOfWhatChangedMeanwhileIsRefused() {
        RegisteredModelHandle read = models.create(name);
        RegisteredModelHandle changed = read.update(RegisteredModelUpdate.none()
                .description("new")
                .tags(Map.of("a", "1"))
                .protectedAliases(Map.of("champion", List.of("alice")))
                .ifEtag(read.etag()));
        assertEquals("new", changed.description());
        assertEquals(Map.of("a", "1"), changed.tags());
        assertEquals(Map.of("champion", List.of("alice")), changed.protectedAliases());

        RegisteredModelUpdate late = RegisteredModelUpdate.none().description("late").ifEtag(read.etag());
        AbortedException error = assertThrows(AbortedException.class, () -> read.update(late));
        assertEquals(ErrorReason.ERROR_REASON_ETAG_MISMATCH, error.reason());
        assertEquals(Map.of(), changed.update(RegisteredModelUpdate.none().tags(Map.of())).tags());
        assertEquals("new", read.refresh().description());
    }

    @Test
    void tagsAreSetAndRemovedOneByOne() {
        RegisteredModelHandle model = models.create(NewRegisteredModel.named(name).tag("a", "1").tag("b", "2"));
        assertEquals(Map.of("a", "1", "b", "3", "c", "4"), model.setTags(Map.of("b", "3", "c", "4")).tags());
        assertEquals(Map.of("b", "3"), model.deleteTags("a", "c").tags());
        NotFoundException error = assertThrows(NotFoundException.class, () -> model.deleteTags("a"));
        assertEquals(ErrorReason.ERROR_REASON_TAG_NOT_FOUND, error.reason());
        assertEquals(Map.of("d", "5"), models.updateTags(name, Map.of("d", "5"), List.of("b")).tags());
    }

    @Test
    void aRenamedModelKeepsItsVersionsAndEvents() {
        String renamed = unique("renamed");
        RegisteredModelHandle model = withVersions(1).rename(renamed);
        assertEquals(renamed, model.name());
        assertEquals(1, model.versionCount());
        assertThrows(NotFoundException.class, () -> models.get(name));
        assertEquals(
                List.of(
                        RegistryEvent.Kind.KIND_MODEL_RENAMED,
                        RegistryEvent.Kind.KIND_VERSION_CREATED,
                        RegistryEvent.Kind.KIND_MODEL_CREATED),
                CLIENT.registry().events(renamed).pageSize(1).stream()
                        .map(RegistryEvent::getKind)
                        .toList());
    }

    @Test
    void numbersOfADeletedModelAreNotGivenOutAgain() {
        withVersions(2).delete();
        assertThrows(NotFoundException.class, () -> models.get(name));
        assertEquals(3, withVersions(1).latestVersion());
    }

    @Test
    void listsAreFilteredOrderedAndFetchedPageByPage() {
        for (String end : List.of("b", "c", "a")) {
            models.create(NewRegisteredModel.named(name + end).tag("end", end).description("long"));
        }
        RegisteredModelQuery query = RegisteredModelQuery.all()
                .filter("name LIKE '" + name + "%' AND tags.end != 'c'")
                .orderBy("name")
                .fields("name", "tags");
        List<RegisteredModelHandle> found = models.list(query).pageSize(1).toList();
        assertEquals(List.of(name + "a", name + "b"), found.stream().map(RegisteredModelHandle::name).toList());
        assertEquals(Map.of("end", "a"), found.get(0).tags());
        assertEquals("", found.get(0).description());
        assertEquals(name + "a", models.list("name LIKE '" + name + "%'").first().orElseThrow().name());
        assertEquals(2, CLIENT.registry().events().limit(2).toList().size());
    }
}
