package dev.milepost.client.tracking;

import static dev.milepost.client.tracking.Fixture.CLIENT;
import static dev.milepost.client.tracking.Fixture.fails;
import static dev.milepost.client.tracking.Fixture.freshExperiment;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.milepost.client.errors.InvalidArgumentException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.client.paging.Pages;
import dev.milepost.v1.ErrorReason;
import dev.milepost.v1.ListRunKeysRequest.Kind;
import dev.milepost.v1.RunGroup;
import dev.milepost.v1.RunValue;
import dev.milepost.v1.View;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Lists of five runs, r0 to r4, with depth 0 to 4, of teams a (even) and b (odd), and loss 0.0, 0.1, 0.4, 0.9, 1.6. */
class RunListsTest {
    private static ExperimentHandle experiment;
    private static final List<RunHandle> MADE = new ArrayList<>();

    private final Runs runs = CLIENT.runs();
    private final RunQuery query = RunQuery.in(experiment.id()).orderBy("name");

    @BeforeAll
    static void makeRuns() {
        experiment = freshExperiment();
        for (int i = 0; i < 5; i++) {
            RunHandle run = experiment.createRun(
                    NewRun.inDefault().name("r" + i).param("depth", i).tag("team", i % 2 == 0 ? "a" : "b"));
            run.logMetrics(Map.of("loss", i * i / 10.0), 1);
            MADE.add(run);
        }
    }

    @Test
    void aFilterAndAnOrderChooseRuns() {
        RunQuery some = query.filter("metrics.loss < 1 AND tags.team = 'b'").orderBy("params.depth DESC");
        assertEquals(List.of("r3", "r1"), runs.list(some).map(RunHandle::name).toList());
        assertEquals(2, runs.count(some));
        assertEquals(
                List.of("r4"),
                experiment.runs("params.depth >= 4").map(RunHandle::name).toList());
    }

    @Test
    void experimentsAreFoundByNameWhenTheListIsRead() {
        assertEquals(5, runs.count(RunQuery.of(ExperimentScope.named(experiment.name()))));
        Pages<RunHandle> unknown = runs.list(RunQuery.of(ExperimentScope.named("no such experiment")));
        fails(NotFoundException.class, ErrorReason.ERROR_REASON_EXPERIMENT_NOT_FOUND, unknown::toList);
    }

    @Test
    void anEmptyListOfExperimentsDoesNotMeanAll() {
        assertThrows(IllegalArgumentException.class, RunQuery::in);
        assertThrows(IllegalArgumentException.class, RunPurge::in);
    }

    @Test
    void pagesAreFetchedAsTheyAreRead() {
        Iterator<RunHandle> reading = runs.list(query).pageSize(2).iterator();
        reading.next();
        MADE.get(1).setTag("seen", "too late");
        MADE.get(2).setTag("seen", "in time");
        assertFalse(reading.next().tags().containsKey("seen"), "was on the page that had been fetched");
        assertEquals("in time", reading.next().tags().get("seen"));
        MADE.get(1).deleteTags("seen");
        MADE.get(2).deleteTags("seen");
    }

    @Test
    void everyReadingBeginsAnewAndTheAsyncTwinReadsAllPages() {
        Pages<RunHandle> pages = runs.list(query).pageSize(2);
        assertEquals(5, pages.toList().size());
        assertEquals(5, pages.toListAsync().join().size());
        assertEquals(3, pages.limit(3).stream().count());
        assertEquals("r0", pages.first().orElseThrow().name());
    }

    @Test
    void onlyTheColumnsAskedForAreRead() {
        RunHandle first = runs.list(query.columns("params.depth", "metrics.loss")).first().orElseThrow();
        assertEquals(Map.of("depth", 0L), first.params());
        assertEquals(Map.of("loss", 0.0), first.metrics());
        assertEquals(Map.of(), first.tags());
        assertEquals("r0", first.name());
        assertEquals("", runs.list(query.fields("run_id")).first().orElseThrow().name());
    }

    @Test
    void batchGetReadsFieldsInTheOrderAskedFor() {
        List<String> ids = List.of(MADE.get(3).id(), MADE.get(0).id());
        assertEquals(List.of("r3", "r0"), runs.batchGet(ids).stream().map(RunHandle::name).toList());
        assertEquals("", runs.batchGet(ids, "run_id").get(0).name());
    }

    @Test
    void deletedRunsAreSeenOnlyOnDemand() {
        ExperimentHandle other = freshExperiment();
        other.createRun(NewRun.inDefault()).delete();
        assertEquals(0, runs.count(RunQuery.in(other.id())));
        assertEquals(1, runs.count(RunQuery.in(other.id()).view(View.VIEW_DELETED)));
    }

    @Test
    void groupsHaveSizesAndAggregates() {
        List<RunGroup> groups = runs.group(
                        query, RunGrouping.by("tags.team").metrics("metrics.loss").orderBy("mean(metrics.loss) DESC"))
                .pageSize(1)
                .toList();
        assertEquals(List.of("a", "b"), groups.stream().map(group -> group.getValues(0).getText()).toList());
        assertEquals(List.of(3L, 2L), groups.stream().map(RunGroup::getRuns).toList());
        assertEquals(1.6, groups.get(0).getMetrics(0).getMax());
        assertEquals(0.5, groups.get(1).getMetrics(0).getMean());
    }

    @Test
    void keysAndValuesAreListed() {
        ExperimentScope scope = ExperimentScope.of(experiment.id());
        assertEquals(List.of("depth"), runs.keys(Kind.KIND_PARAM, scope, "").toList());
        assertEquals(List.of("loss"), runs.keys(Kind.KIND_METRIC, scope, "lo").toList());
        assertEquals(List.of(), runs.keys(Kind.KIND_METRIC, scope, "x").toList());
        Pages<RunValue> teams = runs.values("tags.team", scope, "");
        assertEquals(List.of("a", "b"), teams.map(RunValue::getText).toList());
        assertEquals(List.of(3L, 2L), teams.map(RunValue::getRuns).toList());
    }

    @Test
    void aFilterThatCannotBeReadSaysWhere() {
        InvalidArgumentException error = fails(
                InvalidArgumentException.class,
                ErrorReason.ERROR_REASON_BAD_FILTER,
                () -> runs.list("metrics.loss <").toList());
        assertEquals("15", error.metadata().get("column"));
    }
}
