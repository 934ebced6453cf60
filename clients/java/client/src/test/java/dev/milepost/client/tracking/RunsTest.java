package dev.milepost.client.tracking;

import static dev.milepost.client.tracking.Fixture.CLIENT;
import static dev.milepost.client.tracking.Fixture.fails;
import static dev.milepost.client.tracking.Fixture.freshExperiment;
import static dev.milepost.client.tracking.Fixture.freshRun;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.errors.AbortedException;
import dev.milepost.client.errors.AlreadyExistsException;
import dev.milepost.client.errors.FailedPreconditionException;
import dev.milepost.client.errors.InvalidArgumentException;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.v1.Dataset;
import dev.milepost.v1.ErrorReason;
import dev.milepost.v1.ExperimentDataset;
import dev.milepost.v1.PurgeRunsResponse;
import dev.milepost.v1.Run;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunsTest {
    private final Runs runs = CLIENT.runs();

    @Test
    void whatWasCreatedIsReadById() {
        ExperimentHandle experiment = freshExperiment();
        RunHandle parent = experiment.createRun(NewRun.inDefault());
        Instant start = Instant.parse("2024-02-29T12:00:00.123456Z");
        RunHandle made = runs.create(NewRun.in(experiment.id())
                .name("first")
                .id("java-" + UUID.randomUUID())
                .param("lr", 3e-4)
                .params(Map.of("depth", 4, "layers", List.of(64, 32)))
                .tag("team", "vision")
                .parent(parent.id())
                .description("text")
                .user("ada")
                .state(Run.State.STATE_SCHEDULED)
                .startTime(start));
        RunHandle read = runs.get(made.id());
        assertEquals(made.proto(), read.proto());
        assertEquals(experiment.id(), read.experimentId());
        assertEquals(Map.of("lr", 3e-4, "depth", 4L, "layers", List.of(64L, 32L)), read.params());
        assertEquals(Map.of("team", "vision"), read.tags());
        assertEquals(Optional.of(parent.id()), read.parentRunId());
        assertEquals(Run.State.STATE_SCHEDULED, read.state());
        assertEquals(start, read.startTime());
        assertEquals(Optional.empty(), read.endTime());
    }

    @Test
    void aRepeatWithTheSameRequestIdMakesNoTwin() {
        ExperimentHandle experiment = freshExperiment();
        NewRun wanted = NewRun.in(experiment.id()).name("once").requestId("java-" + UUID.randomUUID());
        assertEquals(runs.create(wanted).id(), runs.create(wanted).id());
        assertEquals(1, runs.count(RunQuery.in(experiment.id())));
        fails(
                InvalidArgumentException.class,
                ErrorReason.ERROR_REASON_REQUEST_ID_REUSED,
                () -> runs.create(wanted.name("another")));
    }

    @Test
    void callsWithoutARequestIdAreOfTheirOwn() {
        ExperimentHandle experiment = freshExperiment();
        NewRun wanted = NewRun.in(experiment.id()).name("twice");
        runs.create(wanted);
        runs.create(wanted);
        assertEquals(2, runs.count(RunQuery.in(experiment.id())));
    }

    @Test
    void anUnknownRunIsATypedErrorAlsoOfTheAsyncTwin() {
        fails(NotFoundException.class, ErrorReason.ERROR_REASON_RUN_NOT_FOUND, () -> runs.get("missing"));
        CompletionException failed = assertThrows(
                CompletionException.class, () -> runs.getAsync("missing").join());
        MilepostException error = assertInstanceOf(NotFoundException.class, failed.getCause());
        assertEquals(ErrorReason.ERROR_REASON_RUN_NOT_FOUND, error.reason());
    }

    @Test
    void endingARunSetsItsStateAndTime() {
        RunHandle ended = freshRun().end(Run.State.STATE_FINISHED);
        assertEquals(Run.State.STATE_FINISHED, ended.state());
        assertTrue(ended.endTime().isPresent());
        RunHandle again = ended.update(RunUpdate.none().state(Run.State.STATE_RUNNING).clear("end_time"));
        assertEquals(Optional.empty(), again.endTime());
        fails(
                AbortedException.class,
                ErrorReason.ERROR_REASON_ETAG_MISMATCH,
                () -> again.update(RunUpdate.none().name("lost").ifEtag(ended.etag())));
    }

    @Test
    void aParamIsWrittenOnceAndAConflictStoresNothing() {
        RunHandle run = freshRun();
        run.logParam("depth", 4);
        run.logParam("depth", 4L);
        AlreadyExistsException conflict = fails(
                AlreadyExistsException.class,
                ErrorReason.ERROR_REASON_PARAM_CONFLICT,
                () -> run.logBatch(RunBatch.builder()
                        .param("depth", 4.0)
                        .tag("half", "done")
                        .metric("loss", 0.5, 1)
                        .build()));
        assertEquals("depth", conflict.metadata().get("key"));
        assertEquals("4", conflict.metadata().get("stored"));
        RunHandle read = run.refresh();
        assertEquals(Map.of("depth", 4L), read.params());
        assertEquals(Map.of(), read.tags());
        assertEquals(Map.of(), read.metrics());
    }

    @Test
    void aBatchIsStoredWhole() {
        RunHandle run = freshRun();
        RunBatch batch = RunBatch.builder()
                .params(Map.of("a", true))
                .tags(Map.of("b", "c"))
                .metric("loss", 0.5, 1, 1000)
                .metric("loss", 0.25, 2, 2000)
                .metric("loss", 0.5, 1, 1000)
                .skipRepeatedPoints()
                .name("renamed")
                .description("told")
                .build();
        assertEquals(2, run.logBatch(batch));
        assertEquals(0, run.logBatch(batch));
        RunHandle read = run.refresh();
        assertEquals("renamed", read.name());
        assertEquals("told", read.description());
        assertEquals(Map.of("a", true), read.params());
        assertEquals(Map.of("loss", 0.25), read.metrics());
        assertEquals(2, read.metricSummaries().get("loss").getCount());
    }

    @Test
    void tagsAreReplacedAndRemoved() {
        RunHandle run = freshRun();
        run.setTags(Map.of("a", "1", "b", "2"));
        run.setTag("a", "3");
        run.deleteTags("b");
        assertEquals(Map.of("a", "3"), run.refresh().tags());
        fails(NotFoundException.class, ErrorReason.ERROR_REASON_TAG_NOT_FOUND, () -> run.deleteTags("b"));
    }

    @Test
    void inputsAreListedAsDatasetsOfTheExperiment() {
        ExperimentHandle experiment = freshExperiment();
        RunHandle run = experiment.createRun(NewRun.inDefault());
        Dataset digits = Dataset.newBuilder().setName("digits").setDigest("abc").build();
        run.logInputs(RunInputs.none().dataset(digits, "training").dataset(digits, "test"));
        assertEquals(2, run.refresh().inputs().size());
        List<ExperimentDataset> listed =
                CLIENT.datasets().list(ExperimentScope.of(experiment.id())).toList();
        assertEquals(List.of("test", "training"), listed.get(0).getContextsList());
        assertEquals(digits, listed.get(0).getDataset());
    }

    @Test
    void modelsThatARunUsesAndMakesMustExist() {
        RunHandle run = freshRun();
        String unknown = "m-" + UUID.randomUUID().toString().replace("-", "");
        fails(
                NotFoundException.class,
                ErrorReason.ERROR_REASON_LOGGED_MODEL_NOT_FOUND,
                () -> run.logInputs(RunInputs.none().model(unknown)));
        fails(
                NotFoundException.class,
                ErrorReason.ERROR_REASON_LOGGED_MODEL_NOT_FOUND,
                () -> run.logOutputs(7, unknown));
    }

    @Test
    void aDeletedRunTakesNothingUntilItIsRestored() {
        RunHandle run = freshRun();
        assertTrue(run.delete().isDeleted());
        fails(
                FailedPreconditionException.class,
                ErrorReason.ERROR_REASON_RUN_DELETED,
                () -> run.logMetrics(Map.of("loss", 1), 0));
        run.restore();
        run.logMetrics(Map.of("loss", 1), 0);
        fails(FailedPreconditionException.class, ErrorReason.ERROR_REASON_NOT_DELETED, run::purge);
        run.delete();
        assertEquals(1, run.previewPurge().getMetricPoints());
        assertEquals(1, run.purge().getMetricPoints());
        fails(NotFoundException.class, ErrorReason.ERROR_REASON_RUN_NOT_FOUND, run::refresh);
    }

    @Test
    void deletedRunsArePurgedTogether() {
        ExperimentHandle experiment = freshExperiment();
        for (int i = 0; i < 3; i++) {
            experiment.createRun(NewRun.inDefault().tag("nr", "" + i)).delete();
        }
        RunPurge which = RunPurge.in(experiment.id()).filter("tags.nr != '0'").limit(1);
        assertEquals(2, runs.purgeMany(which.dryRun()).getRemaining());
        PurgeRunsResponse purged = runs.purgeMany(which);
        assertEquals(1, purged.getPurged().getRuns());
        assertEquals(1, purged.getRemaining());
        assertEquals(0, runs.purgeMany(which.deletedBefore(Instant.EPOCH)).getRemaining());
    }

    @Test
    void artifactsOfARunAreReachedFromItsHandle(@TempDir Path folder)
            throws IOException {
        RunHandle run = freshRun();
        Path source = Files.writeString(folder.resolve("notes.txt"), "text");
        run.uploadArtifact(source, "docs/notes.txt");
        assertEquals(
                List.of("docs/notes.txt"),
                run.artifacts("", true).map(found -> found.getPath()).toList());
        Path copy = run.downloadArtifact("docs/notes.txt", folder.resolve("copy.txt"));
        assertEquals("text", Files.readString(copy));
    }
}
