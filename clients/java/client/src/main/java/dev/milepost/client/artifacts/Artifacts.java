package dev.milepost.client.artifacts;

import dev.milepost.client.artifacts.LocalFiles.LocalFile;
import dev.milepost.client.calls.Calls;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.client.paging.Page;
import dev.milepost.client.paging.Pages;
import dev.milepost.v1.Artifact;
import dev.milepost.v1.ArtifactServiceGrpc;
import dev.milepost.v1.DeleteArtifactsRequest;
import dev.milepost.v1.DeleteArtifactsResponse;
import dev.milepost.v1.ListArtifactsRequest;
import dev.milepost.v1.PurgeOrphanedArtifactsRequest;
import dev.milepost.v1.PurgeOrphanedArtifactsResponse;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * The files of runs. A path names a file below the artifact folder of its run; parts are separated by {@code /}.
 *
 * <p>Transfers are not bound by the client's timeout but by that of their options: a broken stream goes on where it
 * stopped, also when the server was started anew, and is given up after several failures in a row without a further
 * byte. All bytes are checked against their SHA-256. A file appears, here and there, when all of it came and is right.
 */
public final class Artifacts {
    private final Calls calls;

    /**
     * Artifacts of a server.
     *
     * @param calls how calls are made
     */
    public Artifacts(Calls calls) {
        this.calls = calls;
    }

    /**
     * Uploads a file, or all files below a directory, under its own name.
     *
     * @param runId the run
     * @param source the file or directory
     * @return the artifacts as stored, in the order of their paths
     * @throws MilepostException when the server refused a file or did not answer; files that were complete stay
     * @throws UncheckedIOException when a file cannot be read
     */
    public List<Artifact> upload(String runId, Path source) {
        return Calls.await(uploadAsync(runId, source));
    }

    /** As {@link #upload(String, Path)}, without waiting. Cancelling the future ends the transfer. */
    public CompletableFuture<List<Artifact>> uploadAsync(String runId, Path source) {
        Path name = source.toAbsolutePath().normalize().getFileName();
        return uploadAsync(runId, source, name == null ? "" : name.toString());
    }

    /**
     * Uploads a file, or all files below a directory.
     *
     * @param runId the run
     * @param source the file or directory
     * @param path path of the artifact; for a directory, of the artifact directory that gets its contents, where
     *     {@code ""} is that of the run
     * @return the artifacts as stored, in the order of their paths
     * @throws MilepostException when the server refused a file or did not answer; files that were complete stay
     * @throws UncheckedIOException when a file cannot be read
     */
    public List<Artifact> upload(String runId, Path source, String path) {
        return Calls.await(uploadAsync(runId, source, path));
    }

    /** As {@link #upload(String, Path, String)}, without waiting. Cancelling the future ends the transfer. */
    public CompletableFuture<List<Artifact>> uploadAsync(String runId, Path source, String path) {
        return uploadAsync(runId, source, path, TransferOptions.defaults());
    }

    /**
     * Uploads a file, or all files below a directory, four at a time.
     *
     * @param runId the run
     * @param source the file or directory
     * @param path path of the artifact; for a directory, of the artifact directory that gets its contents, where
     *     {@code ""} is that of the run
     * @param options media type, progress, timeout
     * @return the artifacts as stored, in the order of their paths
     * @throws MilepostException when the server refused a file or did not answer; files that were complete stay
     * @throws UncheckedIOException when a file cannot be read
     */
    public List<Artifact> upload(String runId, Path source, String path, TransferOptions options) {
        return Calls.await(uploadAsync(runId, source, path, options));
    }

    /**
     * As {@link #upload(String, Path, String, TransferOptions)}, without waiting. Cancelling the future ends the
     * transfer.
     */
    public CompletableFuture<List<Artifact>> uploadAsync(
            String runId, Path source, String path, TransferOptions options) {
        Deadline deadline = new Deadline(options.timeout());
        return Following.compose(CompletableFuture.supplyAsync(() -> LocalFiles.below(source, path)), files -> {
            long total = files.stream().mapToLong(LocalFile::size).sum();
            Meter meter = new Meter(options.progress(), total);
            return InParallel.all(
                    files, file -> Upload.start(calls, UploadSource.of(runId, file, options), meter, deadline));
        });
    }

    /**
     * Uploads bytes.
     *
     * @param runId the run
     * @param data the bytes
     * @param path path of the artifact
     * @return the artifact as stored
     * @throws MilepostException when the server refused it or did not answer
     */
    public Artifact uploadBytes(String runId, byte[] data, String path) {
        return uploadBytes(runId, ByteBuffer.wrap(data), path, TransferOptions.defaults());
    }

    /**
     * As {@link #uploadBytes(String, byte[], String)}, without waiting. Cancelling the future ends the transfer. The
     * bytes must not be changed before that.
     */
    public CompletableFuture<Artifact> uploadBytesAsync(String runId, byte[] data, String path) {
        return uploadBytesAsync(runId, ByteBuffer.wrap(data), path, TransferOptions.defaults());
    }

    /**
     * Uploads the bytes between a buffer's position and its limit. Neither is changed.
     *
     * @param runId the run
     * @param data the bytes
     * @param path path of the artifact
     * @param options media type, progress, timeout
     * @return the artifact as stored
     * @throws MilepostException when the server refused it or did not answer
     */
    public Artifact uploadBytes(String runId, ByteBuffer data, String path, TransferOptions options) {
        return Calls.await(uploadBytesAsync(runId, data, path, options));
    }

    /**
     * As {@link #uploadBytes(String, ByteBuffer, String, TransferOptions)}, without waiting. Cancelling the future ends
     * the transfer. The bytes must not be changed before that.
     */
    public CompletableFuture<Artifact> uploadBytesAsync(
            String runId, ByteBuffer data, String path, TransferOptions options) {
        UploadSource source = UploadSource.of(runId, data, path, options);
        return Upload.start(
                calls, source, new Meter(options.progress(), source.size()), new Deadline(options.timeout()));
    }

    /**
     * Downloads a file, or all files of a directory.
     *
     * @param runId the run
     * @param path the artifact or artifact directory; {@code ""} for all artifacts of the run
     * @param destination for a file: an existing directory that gets it, else the file to write; for a directory: the
     *     directory that gets its contents. Missing directories are made.
     * @return the file or directory written
     * @throws MilepostException when there is nothing at the path ({@code ARTIFACT_NOT_FOUND}), the bytes are not those
     *     that were recorded ({@code ARTIFACT_CORRUPT}), a name cannot be one below the destination ({@code BAD_PATH}),
     *     or the server did not answer
     * @throws UncheckedIOException when a file cannot be written
     */
    public Path download(String runId, String path, Path destination) {
        return Calls.await(downloadAsync(runId, path, destination));
    }

    /** As {@link #download(String, String, Path)}, without waiting. Cancelling the future ends the transfer. */
    public CompletableFuture<Path> downloadAsync(String runId, String path, Path destination) {
        return downloadAsync(runId, path, destination, TransferOptions.defaults());
    }

    /**
     * Downloads a file, or all files of a directory, four at a time.
     *
     * @param runId the run
     * @param path the artifact or artifact directory; {@code ""} for all artifacts of the run
     * @param destination as of {@link #download(String, String, Path)}
     * @param options progress, timeout
     * @return the file or directory written
     * @throws MilepostException as of {@link #download(String, String, Path)}
     * @throws UncheckedIOException when a file cannot be written
     */
    public Path download(String runId, String path, Path destination, TransferOptions options) {
        return Calls.await(downloadAsync(runId, path, destination, options));
    }

    /**
     * As {@link #download(String, String, Path, TransferOptions)}, without waiting. Cancelling the future ends the
     * transfer.
     */
    public CompletableFuture<Path> downloadAsync(
            String runId, String path, Path destination, TransferOptions options) {
        Deadline deadline = new Deadline(options.timeout());
        String wanted = LocalFiles.artifactPath(path);
        return Following.compose(
                list(runId, wanted, true).toListAsync(),
                found -> new DownloadPlan(runId, wanted, destination, found).start(calls, options, deadline));
    }

    /**
     * Reads a file into memory.
     *
     * @param runId the run
     * @param path the artifact
     * @return its bytes
     * @throws MilepostException when there is no such file, its bytes are not those that were recorded, or the server
     *     did not answer
     * @throws IllegalArgumentException when it is larger than an array
     */
    public byte[] read(String runId, String path) {
        return Calls.await(readAsync(runId, path));
    }

    /** As {@link #read(String, String)}, without waiting. Cancelling the future ends the transfer. */
    public CompletableFuture<byte[]> readAsync(String runId, String path) {
        return readAsync(runId, path, 0, 0);
    }

    /**
     * Reads a range of a file into memory. A range has no digest to be checked against.
     *
     * @param runId the run
     * @param path the artifact
     * @param offset the first byte; at most the size of the file
     * @param length number of bytes; 0 for all that follow, and more than there are is no error
     * @return the bytes
     * @throws MilepostException when there is no such file, {@code offset} is past its end ({@code BAD_RANGE}), or the
     *     server did not answer
     * @throws IllegalArgumentException when the range is larger than an array
     */
    public byte[] read(String runId, String path, long offset, long length) {
        return Calls.await(readAsync(runId, path, offset, length));
    }

    /**
     * As {@link #read(String, String, long, long)}, without waiting. Cancelling the future ends the transfer.
     */
    public CompletableFuture<byte[]> readAsync(String runId, String path, long offset, long length) {
        DownloadContent content = new DownloadContent(runId, LocalFiles.artifactPath(path), offset, length);
        return Download.start(calls, content, new BytesSink(), Meter.none(), Deadline.never());
    }

    /**
     * Reads a file as it arrives; the server waits while nobody reads. The digest is checked at the end.
     *
     * @param runId the run
     * @param path the artifact
     * @return its bytes; reading throws {@link java.io.IOException} with the {@link MilepostException} as its cause
     * @throws MilepostException when there is no such file, or the server did not answer
     */
    public InputStream open(String runId, String path) {
        return ArtifactInputStream.open(calls, new DownloadContent(runId, LocalFiles.artifactPath(path)));
    }

    /**
     * Reads any part of a file, at least 1 MiB at a time. No digest is checked.
     *
     * @param runId the run
     * @param path the artifact
     * @return the file, for reading only; reading throws {@link java.io.IOException} with the {@link MilepostException}
     *     as its cause, {@code ETAG_MISMATCH} when the file was replaced meanwhile
     * @throws MilepostException when there is no such file, or the server did not answer
     */
    public SeekableByteChannel openChannel(String runId, String path) {
        return new ArtifactChannel(calls, runId, LocalFiles.artifactPath(path));
    }

    /**
     * {@return all files and directories at the top of a run}
     *
     * @param runId the run
     */
    public Pages<Artifact> list(String runId) {
        return list(runId, "", false);
    }

    /**
     * {@return the files and directories of a directory, or all files below it, by path; a file lists itself}
     *
     * @param runId the run
     * @param path the artifact directory; {@code ""} for that of the run. One that does not exist is empty.
     * @param recursive whether to list all files below it, and no directories
     */
    public Pages<Artifact> list(String runId, String path, boolean recursive) {
        ListArtifactsRequest.Builder request = ListArtifactsRequest.newBuilder()
                .setRunId(runId)
                .setPath(LocalFiles.artifactPath(path))
                .setRecursive(recursive);
        return new Pages<>((token, size) -> calls.start(
                ArtifactServiceGrpc.getListArtifactsMethod(),
                request.clone().setPageToken(token).setPageSize(size).build(),
                answer -> new Page<>(answer.getArtifactsList(), answer.getNextPageToken())));
    }

    /**
     * Deletes a file, or a directory with all below it, for good. Never repeated by itself.
     *
     * @param runId the run
     * @param path the file or directory
     * @return the number of files deleted
     * @throws MilepostException when there is nothing at the path, or the server refused or did not answer
     */
    public long delete(String runId, String path) {
        return Calls.await(deleteAsync(runId, path));
    }

    /** As {@link #delete}, without waiting. */
    public CompletableFuture<Long> deleteAsync(String runId, String path) {
        DeleteArtifactsRequest request = DeleteArtifactsRequest.newBuilder()
                .setRunId(runId)
                .setPath(LocalFiles.artifactPath(path))
                .build();
        return calls.start(
                ArtifactServiceGrpc.getDeleteArtifactsMethod(), request, DeleteArtifactsResponse::getFiles);
    }

    /**
     * Removes files older than a day from the artifact store that belong to no artifact of any run. Never repeated by
     * itself. On a large store it takes minutes: give the client such a timeout.
     *
     * @param dryRun whether to only say what would be removed
     * @return number and bytes of these files, and some of their paths
     * @throws MilepostException when the server refused or did not answer
     */
    public PurgeOrphanedArtifactsResponse purgeOrphans(boolean dryRun) {
        return Calls.await(purgeOrphansAsync(dryRun));
    }

    /** As {@link #purgeOrphans}, without waiting. */
    public CompletableFuture<PurgeOrphanedArtifactsResponse> purgeOrphansAsync(boolean dryRun) {
        return calls.start(
                ArtifactServiceGrpc.getPurgeOrphanedArtifactsMethod(),
                PurgeOrphanedArtifactsRequest.newBuilder().setDryRun(dryRun).build());
    }
}
