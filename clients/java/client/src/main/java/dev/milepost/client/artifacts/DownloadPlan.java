package dev.milepost.client.artifacts;

import dev.milepost.client.artifacts.LocalFiles.LocalFile;
import dev.milepost.client.calls.Calls;
import dev.milepost.v1.Artifact;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * What a download fetches, and where to.
 *
 * @param runId the run
 * @param path the artifact or artifact directory, as the server writes it
 * @param destination where the caller wants it
 * @param found all artifacts at or below the path
 */
record DownloadPlan(String runId, String path, Path destination, List<Artifact> found) {
    CompletableFuture<Path> start(Calls calls, TransferOptions options, Deadline deadline) {
        Meter meter = new Meter(
                options.progress(), found.stream().mapToLong(Artifact::getSize).sum());
        // Without an entry the server's error says what is missing.
        if (!path.isEmpty() && (found.isEmpty() || found.get(0).getPath().equals(path))) {
            Path target = Files.isDirectory(destination)
                    ? LocalFiles.target(destination, "", LocalFiles.name(path))
                    : destination;
            return fetch(calls, path, target, meter, deadline);
        }
        List<LocalFile> files = new ArrayList<>();
        for (Artifact artifact : found) {
            Path target = LocalFiles.target(destination, path, artifact.getPath());
            files.add(new LocalFile(target, artifact.getPath(), artifact.getSize()));
        }
        try {
            Files.createDirectories(destination);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return Following.compose(
                InParallel.all(files, file -> fetch(calls, file.path(), file.file(), meter, deadline)),
                done -> CompletableFuture.completedFuture(destination));
    }

    private CompletableFuture<Path> fetch(Calls calls, String file, Path target, Meter meter, Deadline deadline) {
        return Download.start(calls, new DownloadContent(runId, file), new FileSink(target), meter, deadline);
    }
}
