package dev.milepost.client.registry;

import static dev.milepost.client.registry.Samples.unique;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.MilepostClient;
import dev.milepost.client.errors.FailedPreconditionException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.client.errors.UnimplementedException;
import dev.milepost.client.models.ModelCorruptException;
import dev.milepost.client.models.ModelFolder;
import dev.milepost.v1.ErrorReason;
import dev.milepost.v1.ModelVersion;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DownloadTest {
    private static final MilepostClient CLIENT = Samples.client();
    private static LoggedModelHandle logged;

    @TempDir
    private Path scratch;

    private final ModelVersions versions = CLIENT.modelVersions();
    private final String name = unique("downloaded");

    @BeforeAll
    static void logModel(@TempDir Path folder) throws Exception {
        logged = Samples.logged(CLIENT, folder);
    }

    @AfterAll
    static void close() {
        CLIENT.close();
    }

    private List<Path> inScratch() throws IOException {
        try (Stream<Path> found = Files.list(scratch)) {
            return found.toList();
        }
    }

    @Test
    void everyUriOfAModelBringsItsFiles() throws Exception {
        logged.register(Registration.as(name).alias("champion"));
        List<String> uris = List.of(
                "models:/" + name + "/1",
                "models:/" + name + "@champion",
                "models:/" + name + "/latest",
                logged.uri(),
                "runs:/" + logged.runId() + "/" + logged.name(),
                "runs:/" + logged.runId() + "/" + logged.path());
        for (int index = 0; index < uris.size(); index++) {
            Path folder = versions.download(uris.get(index), scratch.resolve("to/" + index));
            assertEquals(logged.refresh().files(), ModelFolder.verify(folder), uris.get(index));
        }
        assertEquals(uris.size(), Files.list(scratch.resolve("to")).toList().size());
    }

    @Test
    void aDirectoryOfArtifactsIsAModelToo() throws Exception {
        String directory = "runs:/" + logged.runId() + "/" + logged.path() + "/sub folder";
        Path folder = versions.download(directory, scratch.resolve("a"));
        assertEquals("Ümläut\r\n", Files.readString(folder.resolve("Größe 😀.txt")));
        String missing = "runs:/" + logged.runId() + "/nothing";
        NotFoundException error =
                assertThrows(NotFoundException.class, () -> versions.download(missing, scratch.resolve("b")));
        assertEquals(ErrorReason.ERROR_REASON_ARTIFACT_NOT_FOUND, error.reason());
    }

    @Test
    void aFolderThatHoldsSomethingIsLeftAlone() throws Exception {
        Path taken = Files.createDirectory(scratch.resolve("taken"));
        Files.writeString(taken.resolve("mine"), "mine");
        UncheckedIOException error = assertThrows(UncheckedIOException.class, () -> logged.download(taken));
        assertTrue(error.getCause() instanceof FileAlreadyExistsException);
        assertEquals("mine", Files.readString(taken.resolve("mine")));
        Path empty = Files.createDirectory(scratch.resolve("empty"));
        assertEquals(empty, logged.download(empty));
    }

    @Test
    void aVersionOfArtifactsHasTheirDigest() throws Exception {
        LoggedModelHandle holder = CLIENT.loggedModels().create(NewLoggedModel.withoutRun("0", name));
        CLIENT.artifacts().uploadBytes(holder.runId(), "a".getBytes(UTF_8), "plain/a");
        ModelVersionHandle version =
                versions.create(NewModelVersion.ofRun(name, holder.runId(), "plain").createModel());
        Path folder = version.download(scratch.resolve("a"));
        assertEquals("a", Files.readString(folder.resolve("a")));
        assertEquals(version.sha256(), Optional.of(ModelFolder.digestOf(ModelFolder.list(folder))));
    }

    @Test
    void filesThatAreNotThoseOfTheModelsManifestAreNotHandedOut() throws Exception {
        LoggedModelHandle model = CLIENT.loggedModels().create(NewLoggedModel.withoutRun("0", name));
        CLIENT.artifacts().uploadBytes(model.runId(), "{}".getBytes(UTF_8), model.path() + "/MLmodel");
        String manifest = "0".repeat(64) + "  MLmodel\n";
        CLIENT.artifacts().uploadBytes(model.runId(), manifest.getBytes(UTF_8), model.path() + "/SHA256SUMS");
        CLIENT.loggedModels().complete(model.id(), ModelCompletion.readyAsStored());
        ModelCorruptException error =
                assertThrows(ModelCorruptException.class, () -> model.download(scratch.resolve("a")));
        assertEquals(List.of("SHA256SUMS"), error.paths());
        assertEquals(List.of(), inScratch());
    }

    @Test
    void whatIsNotReadyOrNotKeptByTheServerIsRefused() throws Exception {
        LoggedModelHandle pending = CLIENT.loggedModels().create(NewLoggedModel.withoutRun("0", name));
        FailedPreconditionException unfinished =
                assertThrows(FailedPreconditionException.class, () -> pending.download(scratch.resolve("a")));
        assertEquals(ErrorReason.ERROR_REASON_LOGGED_MODEL_NOT_READY, unfinished.reason());
        assertEquals("STATUS_PENDING", unfinished.metadata().get("status"));

        LoggedModelHandle deleted = pending.delete();
        FailedPreconditionException gone =
                assertThrows(FailedPreconditionException.class, () -> deleted.download(scratch.resolve("a")));
        assertEquals(ErrorReason.ERROR_REASON_LOGGED_MODEL_DELETED, gone.reason());

        ModelVersionHandle elsewhere =
                versions.create(NewModelVersion.ofUrl(name, "s3://bucket/model").createModel());
        assertThrows(UnimplementedException.class, () -> elsewhere.download(scratch.resolve("a")));
        ModelVersionHandle writing = versions.create(
                NewModelVersion.ofUrl(name, "s3://bucket/model").status(ModelVersion.Status.STATUS_PENDING));
        assertThrows(FailedPreconditionException.class, () -> writing.download(scratch.resolve("a")));
        assertEquals(List.of(), inScratch());
    }
}
