package dev.milepost.client.registry;

import static dev.milepost.client.registry.Samples.unique;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.MilepostClient;
import dev.milepost.client.artifacts.TransferOptions;
import dev.milepost.client.errors.CancelledException;
import dev.milepost.client.errors.FailedPreconditionException;
import dev.milepost.client.models.ModelCorruptException;
import dev.milepost.client.models.ModelFolder;
import dev.milepost.client.models.ModelFormatException;
import dev.milepost.client.tracking.NewRun;
import dev.milepost.v1.ErrorReason;
import dev.milepost.v1.LoggedModel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PublishTest {
    private static final MilepostClient CLIENT = Samples.client();

    @TempDir
    private Path scratch;

    private final LoggedModels models = CLIENT.loggedModels();
    private final String name = unique("published");
    private final NewLoggedModel model = NewLoggedModel.withoutRun("0", name);

    @AfterAll
    static void close() {
        CLIENT.close();
    }

    private LoggedModelHandle onlyOne() {
        List<LoggedModelHandle> found = models.list("name = '" + name + "'").toList();
        assertEquals(1, found.size());
        return found.get(0);
    }

    @Test
    void aPublishedModelHasTheFilesFlavorsAndSignatureOfItsFolder() throws Exception {
        ModelFolder folder = Samples.save(scratch.resolve("model"));
        LoggedModelHandle published = models.publish(model, folder);
        assertEquals(LoggedModel.Status.STATUS_READY, published.status());
        assertEquals(folder.files(), published.refresh().files());
        assertEquals(Optional.of(folder.digest()), published.sha256());
        assertEquals(List.copyOf(folder.flavors().keySet()), published.flavors());
        assertEquals(folder.signature().orElseThrow().toJson(), published.signatureJson());
    }

    @Test
    void itIsAnOutputOfItsRun() throws Exception {
        ModelFolder folder = Samples.save(scratch.resolve("model"));
        var run = CLIENT.runs().create(NewRun.in("0"));
        LoggedModelHandle first = models.publish(NewLoggedModel.of(run.id(), name), folder);
        LoggedModelHandle second = models.publish(NewLoggedModel.of(run.id(), name).outputStep(7), folder);
        assertEquals(Map.of(first.id(), 0L, second.id(), 7L), run.refresh().modelOutputs());
        assertEquals(run.id(), first.runId());
    }

    @Test
    void aModelThatChangedSinceItWasSavedEndsFailed() throws Exception {
        ModelFolder folder = Samples.save(scratch.resolve("model"));
        Files.writeString(folder.path().resolve("model.bin"), "changed");
        FailedPreconditionException error =
                assertThrows(FailedPreconditionException.class, () -> models.publish(model, folder));
        assertEquals(ErrorReason.ERROR_REASON_LOGGED_MODEL_INCOMPLETE, error.reason());
        assertEquals("1", error.metadata().get("different"));
        assertEquals(LoggedModel.Status.STATUS_FAILED, onlyOne().status());
        assertTrue(onlyOne().statusMessage().startsWith("FailedPreconditionException: "));
    }

    @Test
    void aFileThatIsGoneWhenItsTurnComesFailsTheModel() throws Exception {
        Path folder = Samples.save(scratch.resolve("model")).path();
        AtomicBoolean begun = new AtomicBoolean();
        TransferOptions removing = TransferOptions.defaults().progress((done, total) -> {
            if (begun.compareAndSet(false, true)) {
                delete(folder.resolve("sub folder/Größe 😀.txt"));
            }
        });
        assertThrows(UncheckedIOException.class, () -> models.publish(model, folder, removing));
        assertEquals(LoggedModel.Status.STATUS_FAILED, onlyOne().status());
    }

    @Test
    void nothingIsMadeOfAFolderThatIsNotThatOfItsManifest() throws Exception {
        Path folder = Samples.save(scratch.resolve("model")).path();
        delete(folder.resolve("empty"));
        Files.writeString(folder.resolve("model.bin"), "changed");
        Files.writeString(folder.resolve("added"), "");
        ModelCorruptException error = assertThrows(
                ModelCorruptException.class, () -> models.publish(model, folder, TransferOptions.defaults()));
        assertEquals(List.of("added", "empty", "model.bin"), error.paths());
        assertThrows(
                ModelFormatException.class, () -> models.publish(model, scratch, TransferOptions.defaults()));
        assertThrows(
                UncheckedIOException.class,
                () -> models.publish(model, scratch.resolve("nowhere"), TransferOptions.defaults()));
        assertEquals(List.of(), models.list("name = '" + name + "'").toList());
    }

    @Test
    void aPendingModelEndsFailedWhenItsFolderLacksAFile() throws Exception {
        Path folder = Samples.save(scratch.resolve("model")).path();
        delete(folder.resolve("empty"));
        LoggedModelHandle pending = models.create(model);
        assertThrows(
                ModelCorruptException.class, () -> models.upload(pending, folder, TransferOptions.defaults()));
        assertEquals(LoggedModel.Status.STATUS_FAILED, pending.refresh().status());
        assertTrue(pending.refresh().statusMessage().contains("empty: missing"));
    }

    @Test
    void anInterruptFailsTheModelAndIsLeftSet() throws Exception {
        ModelFolder folder = Samples.save(scratch.resolve("model"));
        LoggedModelHandle pending = models.create(model);
        Thread.currentThread().interrupt();
        assertThrows(
                CancelledException.class, () -> models.upload(pending, folder.path(), TransferOptions.defaults()));
        assertTrue(Thread.interrupted());
        assertEquals(LoggedModel.Status.STATUS_FAILED, pending.refresh().status());
    }

    @Test
    void aModelOfMlflowHasNoManifest() throws Exception {
        Path folder = Files.createDirectory(scratch.resolve("model"));
        Files.writeString(folder.resolve("MLmodel"), "flavors: {sklearn: {}}\n");
        Files.writeString(folder.resolve("model.skops"), "bytes");
        LoggedModelHandle published =
                models.publish(model.flavors(List.of("sklearn")), folder, TransferOptions.defaults());
        assertEquals(ModelFolder.list(folder), published.refresh().files());
        assertEquals(Optional.of(ModelFolder.digestOf(published.refresh().files())), published.sha256());
        assertEquals(List.of("sklearn"), published.flavors());
    }

    private static void delete(Path file) {
        try {
            Files.delete(file);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
