package dev.milepost.client.tracking;

import static dev.milepost.client.tracking.Fixture.CLIENT;
import static dev.milepost.client.tracking.Fixture.fails;
import static dev.milepost.client.tracking.Fixture.freshExperiment;
import static dev.milepost.client.tracking.Fixture.freshName;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.errors.AbortedException;
import dev.milepost.client.errors.AlreadyExistsException;
import dev.milepost.client.errors.FailedPreconditionException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.v1.ErrorReason;
import dev.milepost.v1.View;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ExperimentsTest {
    private final Experiments experiments = CLIENT.experiments();

    @Test
    void whatWasCreatedIsReadById() {
        String name = freshName();
        ExperimentHandle made = experiments.create(
                NewExperiment.named(name).description("digits").tag("team", "vision").tags(Map.of("a", "b")));
        ExperimentHandle read = experiments.get(made.id());
        assertEquals(made.proto(), read.proto());
        assertEquals(name, read.name());
        assertEquals("digits", read.description());
        assertEquals(Map.of("team", "vision", "a", "b"), read.tags());
        assertEquals(made.id(), experiments.getByName(name).id());
    }

    @Test
    void aTakenNameIsATypedError() {
        String name = freshExperiment().name();
        fails(
                AlreadyExistsException.class,
                ErrorReason.ERROR_REASON_EXPERIMENT_EXISTS,
                () -> experiments.create(name));
    }

    @Test
    void getOrCreateMakesOneExperimentForManyAtOnce() {
        String name = freshName();
        List<CompletableFuture<ExperimentHandle>> found = IntStream.range(0, 8)
                .mapToObj(i -> experiments.getOrCreateAsync(NewExperiment.named(name)))
                .toList();
        String id = experiments.getOrCreate(name).id();
        found.forEach(one -> assertEquals(id, one.join().id()));
    }

    @Test
    void batchGetKeepsTheOrder() {
        List<String> ids = List.of(freshExperiment().id(), freshExperiment().id(), "0");
        assertEquals(ids, experiments.batchGet(ids).stream().map(ExperimentHandle::id).toList());
    }

    @Test
    void anUpdateChangesWhatItNames() {
        ExperimentHandle made = experiments.create(
                NewExperiment.named(freshName()).description("stays").tag("old", "1"));
        String name = freshName();
        ExperimentHandle changed =
                made.update(ExperimentUpdate.none().name(name).tags(Map.of("new", "2")));
        assertEquals(name, changed.name());
        assertEquals("stays", changed.description());
        assertEquals(Map.of("new", "2"), changed.tags());
        assertEquals("", changed.update(ExperimentUpdate.none().description("")).description());
    }

    @Test
    void anUpdateWithAnOldEtagIsRefused() {
        ExperimentHandle made = freshExperiment();
        made.setTag("key", "value");
        fails(
                AbortedException.class,
                ErrorReason.ERROR_REASON_ETAG_MISMATCH,
                () -> made.update(ExperimentUpdate.none().description("lost").ifEtag(made.etag())));
    }

    @Test
    void tagsAreSetAndRemovedOneByOne() {
        ExperimentHandle made = freshExperiment();
        made.setTags(Map.of("a", "1", "b", "2"));
        assertEquals(Map.of("b", "2"), made.deleteTags("a").tags());
        fails(NotFoundException.class, ErrorReason.ERROR_REASON_TAG_NOT_FOUND, () -> made.deleteTags("a"));
    }

    @Test
    void aDeletedOneIsReadableUntilItIsPurged() {
        ExperimentHandle made = freshExperiment();
        made.createRun(NewRun.inDefault());
        fails(FailedPreconditionException.class, ErrorReason.ERROR_REASON_NOT_DELETED, made::purge);
        assertTrue(made.delete().isDeleted());
        fails(
                FailedPreconditionException.class,
                ErrorReason.ERROR_REASON_EXPERIMENT_DELETED,
                () -> made.createRun(NewRun.inDefault()));
        assertEquals(1, made.restore().runs().toList().size());
        made.delete();
        assertEquals(1, made.previewPurge().getRuns());
        assertEquals(1, made.purge().getRuns());
        fails(NotFoundException.class, ErrorReason.ERROR_REASON_EXPERIMENT_NOT_FOUND, made::refresh);
    }

    @Test
    void aListHasThoseThatMeetItsConditions() {
        String prefix = freshName();
        experiments.create(prefix + "-b");
        experiments.create(prefix + "-a");
        experiments.create(prefix + "-c").delete();
        String filter = "name LIKE '" + prefix + "%'";
        ExperimentQuery query =
                ExperimentQuery.all().filter(filter).orderBy("name").view(View.VIEW_ALL).fields("name");
        assertEquals(
                List.of(prefix + "-a", prefix + "-b", prefix + "-c"),
                experiments.list(query).map(ExperimentHandle::name).toList());
        assertEquals("", experiments.list(query).first().orElseThrow().id(), "a field that was not asked for");
        assertEquals(2, experiments.list(filter).toList().size());
    }
}
