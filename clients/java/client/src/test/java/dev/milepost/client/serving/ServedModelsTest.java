package dev.milepost.client.serving;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.errors.DeadlineExceededException;
import dev.milepost.client.errors.FailedPreconditionException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.v1.ErrorReason;
import dev.milepost.v1.ServedModel;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class ServedModelsTest {
    private static final ModelServer SERVER = Served.connect();
    private static final ServedModels MODELS = SERVER.models();
    private static final Tensor ROWS = Tensor.of(0.0, 0.0);

    @AfterAll
    static void close() {
        SERVER.close();
    }

    @Test
    void theServedModelsAreListedByNamePageByPage() {
        List<String> names = MODELS.list().pageSize(1).map(ServedModel::getName).toList();
        assertTrue(names.containsAll(List.of("acting", "echo", "petals")), names.toString());
        assertEquals(names.stream().sorted().toList(), names);
    }

    @Test
    void aModelFollowsItsAliasUntilAVersionIsPinned() {
        String name = "followed";
        ServedModel loaded = MODELS.load(NewServedModel.of("models:/serving-constant@champion").name(name));
        assertEquals("champion", loaded.getFollowedAlias());
        Prediction first = SERVER.predict(name, ROWS);
        assertEquals(1, first.version());
        assertArrayEquals(new long[] {1, 1}, first.tensor().asLongs());

        assertTrue(MODELS.setLive(name, 2).getPinned());
        assertArrayEquals(new long[] {2, 2}, SERVER.predict(name, ROWS).tensor().asLongs());
        assertEquals(2, SERVER.predict(name, 2, Batch.of(ROWS)).version());
        assertEquals(1, MODELS.rollBack(name).getLiveVersion());
        assertFalse(MODELS.followAlias(name).getPinned());

        MODELS.unload(name);
        NotFoundException gone = assertThrows(NotFoundException.class, () -> MODELS.get(name));
        assertEquals(ErrorReason.ERROR_REASON_SERVED_MODEL_NOT_FOUND, gone.reason());
    }

    @Test
    void canariesAnswerAndShadowsAreCompared() {
        String name = "tried";
        MODELS.load(NewServedModel.of("models:/serving-constant/1")
                .name(name)
                .workers(1)
                .maxBatchRows(1)
                .maxBatchWait(Duration.ofMillis(1))
                .maxQueue(10)
                .environment(NewServedModel.Environment.LOCAL));
        assertEquals(2, MODELS.setCanary(name, 2, 100).getCanary().getVersion());
        assertEquals(2, SERVER.predict(name, ROWS).version());
        assertFalse(MODELS.setCanary(name, 0, 0).hasCanary());

        assertEquals(50, MODELS.setShadow(name, 2, 50).getShadow().getPercent());
        MODELS.setShadow(name, 2, 100);
        SERVER.predict(name, ROWS);
        Served.until(() -> MODELS.get(name).getShadow().getDifferent() > 0);
        assertEquals(1, MODELS.get(name).getShadow().getMaxDifference());
        assertFalse(MODELS.setShadow(name, 0, 0).hasShadow());

        FailedPreconditionException refused =
                assertThrows(FailedPreconditionException.class, () -> MODELS.followAlias(name));
        assertEquals(ErrorReason.ERROR_REASON_NOTHING_TO_FOLLOW, refused.reason());
        MODELS.unload(name);
    }

    @Test
    void whatTheRegistryDoesNotHaveIsNotServed() {
        assertThrows(NotFoundException.class, () -> MODELS.load("models:/serving-constant/99"));
    }

    @Test
    void theWaitForALoadIsBoundedWhereItIsSaid() {
        assertThrows(
                DeadlineExceededException.class,
                () -> SERVER.withTimeout(Duration.ofMillis(1)).models().load("models:/serving-constant/2"));
    }
}
