package dev.milepost.client.registry;

import dev.milepost.client.artifacts.Artifacts;
import dev.milepost.client.artifacts.TransferOptions;
import dev.milepost.client.calls.Calls;
import dev.milepost.client.models.ModelFolder;
import dev.milepost.client.models.ModelFormatException;
import dev.milepost.v1.LoggedModel;
import dev.milepost.v1.ModelFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;

/** Brings the files of a model to the server. */
final class Publishing {
    private static final String DESCRIPTOR = "MLmodel";

    private final LoggedModels models;
    private final Artifacts artifacts;
    private final TransferOptions options;

    Publishing(Calls calls, TransferOptions options) {
        this.models = new LoggedModels(calls);
        this.artifacts = new Artifacts(calls);
        this.options = options;
    }

    LoggedModelHandle publish(NewLoggedModel model, Path folder) {
        return publish(model, folder, filesOf(folder));
    }

    /** Publishes a folder that this client wrote or read, and checked then; flavors and signature come from it. */
    LoggedModelHandle publish(NewLoggedModel model, ModelFolder folder) {
        LoggedModel given = model.request().getLoggedModel();
        NewLoggedModel described = model;
        if (given.getFlavorsCount() == 0) {
            described = described.flavors(folder.flavors().keySet());
        }
        if (given.getSignatureJson().isEmpty() && folder.signature().isPresent()) {
            described = described.signatureJson(folder.signature().get().toJson());
        }
        return publish(described, folder.path(), folder.files());
    }

    LoggedModelHandle upload(LoggedModelHandle model, Path folder) {
        return orFailed(model, () -> send(model, folder, filesOf(folder)));
    }

    private LoggedModelHandle publish(NewLoggedModel model, Path folder, List<ModelFile> files) {
        boolean unrecorded = !model.request().hasOutputStep()
                && !model.request().getLoggedModel().getRunId().isEmpty();
        LoggedModelHandle created = models.create(unrecorded ? model.outputStep(0) : model);
        return orFailed(created, () -> send(created, folder, files));
    }

    private LoggedModelHandle send(LoggedModelHandle model, Path folder, List<ModelFile> files) {
        artifacts.upload(model.runId(), folder, model.path(), options);
        // The digests are those from before the files were sent: the server refuses what changed meanwhile.
        return models.complete(model.id(), ModelCompletion.ready(files));
    }

    /** Marks a pending model as failed when the work fails. */
    private LoggedModelHandle orFailed(LoggedModelHandle model, Supplier<LoggedModelHandle> work) {
        try {
            return work.get();
        } catch (RuntimeException | Error cause) {
            // An interrupt ends the work, and would end this call too.
            boolean interrupted = Thread.interrupted();
            try {
                models.complete(
                        model.id(),
                        ModelCompletion.failed(cause.getClass().getSimpleName() + ": " + cause.getMessage()));
            } catch (RuntimeException unmarked) {
                cause.addSuppressed(unmarked);
            } finally {
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
            }
            throw cause;
        }
    }

    private static List<ModelFile> filesOf(Path folder) {
        try {
            if (Files.exists(folder.resolve(Downloading.MANIFEST), LinkOption.NOFOLLOW_LINKS)) {
                return ModelFolder.verify(folder);
            }
            List<ModelFile> files = ModelFolder.list(folder);
            if (files.stream().noneMatch(file -> file.getPath().equals(DESCRIPTOR))) {
                throw new ModelFormatException(folder + " is not a model's folder: it has no file 'MLmodel'.");
            }
            return files;
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }
}
