package dev.milepost.client.registry;

import dev.milepost.client.artifacts.Artifacts;
import dev.milepost.client.calls.Calls;
import dev.milepost.client.errors.Errors;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.v1.Artifact;
import dev.milepost.v1.ErrorReason;
import dev.milepost.v1.LoggedModel;
import dev.milepost.v1.ModelFile;
import dev.milepost.v1.ModelVersion;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where the files of a model are.
 *
 * @param name for messages
 * @param runId the run that holds them
 * @param path their directory below the run's artifact folder
 * @param files all of them
 * @param sha256 digest that the list must have; empty when nobody says
 */
record ModelSource(String name, String runId, String path, List<ModelFile> files, String sha256) {
    private static final Pattern LOGGED_PATH = Pattern.compile("models/(m-[0-9a-f]{32})");

    /** Asks the server where the files of a model are. */
    static ModelSource of(Calls calls, ModelUri uri) {
        if (uri instanceof ModelUri.OfVersion it) {
            return ofVersion(calls, new ModelVersions(calls).get(it.name(), it.version()));
        }
        if (uri instanceof ModelUri.OfAlias it) {
            return ofVersion(calls, new ModelVersions(calls).getByAlias(it.name(), it.alias()));
        }
        if (uri instanceof ModelUri.OfLoggedModel it) {
            return ofLoggedModel(new LoggedModels(calls).get(it.modelId()));
        }
        if (uri instanceof ModelUri.OfRun it) {
            return loggedAt(calls, it)
                    .map(found -> ofLoggedModel(found.refresh()))
                    .orElseGet(() -> ofArtifacts(calls, it.toString(), it.runId(), it.path(), ""));
        }
        throw elsewhere(uri.toString(), uri.toString());
    }

    /** The newest ready model that the run logged under this name, or the one at this path; none for other files. */
    static Optional<LoggedModelHandle> loggedAt(Calls calls, ModelUri.OfRun uri) {
        LoggedModels models = new LoggedModels(calls);
        Matcher path = LOGGED_PATH.matcher(uri.path());
        if (path.matches()) {
            try {
                return Optional.of(models.get(path.group(1))).filter(found -> found.runId().equals(uri.runId()));
            } catch (NotFoundException none) {
                return Optional.empty();
            }
        }
        if (uri.path().contains("'")) { // names of logged models have no quotes
            return Optional.empty();
        }
        return models.list("run_id = '" + uri.runId() + "' AND name = '" + uri.path() + "' AND status = 'ready'")
                .first();
    }

    private static ModelSource ofVersion(Calls calls, ModelVersionHandle version) {
        if (version.status() != ModelVersion.Status.STATUS_READY) {
            throw notReady(version.uri(), version.status().name(), version.statusMessage());
        }
        if (version.sourceUri().isPresent()) {
            throw elsewhere(version.uri(), version.sourceUri().get());
        }
        String sha256 = version.sha256().orElse("");
        if (version.modelId().isEmpty()) {
            return ofArtifacts(calls, version.uri(), version.proto().getRunId(), version.proto().getPath(), sha256);
        }
        LoggedModelHandle model = new LoggedModels(calls).get(version.modelId().get());
        return new ModelSource(version.uri(), model.runId(), model.path(), model.files(), sha256);
    }

    private static ModelSource ofLoggedModel(LoggedModelHandle model) {
        if (model.isDeleted()) {
            throw Errors.of(
                    Status.FAILED_PRECONDITION.withDescription(model.uri() + " is deleted. Restore it first."),
                    ErrorReason.ERROR_REASON_LOGGED_MODEL_DELETED,
                    Map.of("modelId", model.id()));
        }
        if (model.status() != LoggedModel.Status.STATUS_READY) {
            throw notReady(model.uri(), model.status().name(), model.statusMessage());
        }
        return new ModelSource(
                model.uri(), model.runId(), model.path(), model.files(), model.sha256().orElse(""));
    }

    private static ModelSource ofArtifacts(Calls calls, String name, String runId, String path, String sha256) {
        List<ModelFile> files = new ArrayList<>();
        for (Artifact found : new Artifacts(calls).list(runId, path, true).pageSize(1000)) {
            if (!found.getPath().equals(path)) {
                files.add(ModelFile.newBuilder()
                        .setPath(found.getPath().substring(path.length() + 1))
                        .setSize(found.getSize())
                        .setSha256(found.getSha256())
                        .build());
            }
        }
        if (files.isEmpty()) {
            throw Errors.of(
                    Status.NOT_FOUND.withDescription(name + " is no model: the run has no model of this name, and no"
                            + " directory at this path."),
                    ErrorReason.ERROR_REASON_ARTIFACT_NOT_FOUND,
                    Map.of("runId", runId, "path", path));
        }
        return new ModelSource(name, runId, path, files, sha256);
    }

    private static MilepostException notReady(String name, String status, String message) {
        String why = status.equals("STATUS_PENDING") ? "its files are still being uploaded" : "its upload was given up";
        return Errors.of(
                Status.FAILED_PRECONDITION.withDescription(name + " cannot be downloaded: " + why
                        + (message.isEmpty() ? "." : " (" + message + ").")),
                ErrorReason.ERROR_REASON_LOGGED_MODEL_NOT_READY,
                Map.of("status", status));
    }

    private static MilepostException elsewhere(String name, String url) {
        return Errors.of(
                Status.UNIMPLEMENTED.withDescription("The server does not keep the files of " + name
                        + ". Fetch them from " + url + " with a client of that store."),
                ErrorReason.ERROR_REASON_NOT_IMPLEMENTED,
                Map.of("sourceUri", url));
    }
}
