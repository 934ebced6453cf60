package dev.milepost.client.artifacts;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.errors.DeadlineExceededException;
import dev.milepost.client.errors.InvalidArgumentException;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.client.errors.OutOfRangeException;
import dev.milepost.client.support.TestServer;
import dev.milepost.v1.Artifact;
import dev.milepost.v1.ErrorReason;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class ArtifactsTest {
    private static final int CHUNK = UploadMessages.CHUNK_BYTES;
    private static Client client;
    private static Artifacts artifacts;

    @TempDir
    Path folder;

    private String run;

    @BeforeAll
    static void connect() {
        client = new Client(TestServer.shared().address());
        artifacts = client.artifacts;
    }

    @AfterAll
    static void disconnect() {
        client.close();
    }

    @BeforeEach
    void makeRun() {
        run = client.run();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 20 * 1024 * 1024})
    void bytesComeBackAsTheyWent(int size) {
        byte[] data = Trees.random(size);
        Artifact artifact = artifacts.uploadBytes(run, data, "a/b.bin");
        assertEquals(size, artifact.getSize());
        assertEquals(Trees.sha256(data), artifact.getSha256());
        assertArrayEquals(data, artifacts.read(run, "a/b.bin"));
    }

    @Test
    void aPartOfABufferIsUploadedAndTheBufferStaysAsItWas() {
        ByteBuffer buffer = ByteBuffer.allocateDirect(10).put(new byte[] {0, 1, 2, 3, 4, 5}).flip().position(2);
        Artifact artifact = artifacts.uploadBytes(
                run, buffer, "x", TransferOptions.defaults().contentType("application/x-five"));
        assertArrayEquals(new byte[] {2, 3, 4, 5}, artifacts.read(run, "x"));
        assertEquals("application/x-five", artifact.getContentType());
        assertEquals(4, buffer.remaining());
    }

    @Test
    void aRangeIsRead() {
        artifacts.uploadBytes(run, "0123456789".getBytes(), "x");
        assertEquals("3456", new String(artifacts.read(run, "x", 3, 4)));
        assertEquals("789", new String(artifacts.read(run, "x", 7, 100)));
        assertEquals("", new String(artifacts.read(run, "x", 10, 0)));
        assertThrows(OutOfRangeException.class, () -> artifacts.read(run, "x", 11, 0));
    }

    @Test
    void aFileGoesUnderItsNameAndComesToAFolderOrAName() throws IOException {
        Path file = Trees.write(folder.resolve("up/a.txt"), "text".getBytes());
        Artifact artifact = artifacts.upload(run, file).get(0);
        assertEquals("a.txt", artifact.getPath());
        assertEquals("text/plain", artifact.getContentType());
        assertEquals(folder.resolve("a.txt"), artifacts.download(run, "a.txt", folder));
        assertEquals("text", Files.readString(artifacts.download(run, "a.txt", folder.resolve("new/name"))));
    }

    @Test
    void aDownloadReplacesAFile() throws IOException {
        artifacts.uploadBytes(run, "new".getBytes(), "x");
        Path target = Trees.write(folder.resolve("x"), "old and longer".getBytes());
        artifacts.download(run, "x", target);
        assertEquals(Map.of("x", Trees.sha256("new".getBytes())), Trees.digests(folder));
    }

    @Test
    void aFolderGoesUpAndComesDownWhole() throws IOException {
        Path tree = Trees.make(folder.resolve("tree"));
        List<Artifact> uploaded = artifacts.upload(run, tree, "model");
        assertEquals(uploaded.stream().map(Artifact::getPath).sorted().toList(),
                uploaded.stream().map(Artifact::getPath).toList());
        assertEquals(Trees.digests(tree), Trees.digests(artifacts.download(run, "model", folder.resolve("down"))));
        Path all = artifacts.download(run, "", folder.resolve("all"));
        assertEquals(Trees.digests(tree), Trees.digests(all.resolve("model")));
    }

    @Test
    void namesAreComposed() throws IOException {
        Trees.write(folder.resolve("u\u0308/o\u0308"), new byte[1]);
        assertEquals("\u00fc/\u00f6", artifacts.upload(run, folder, "").get(0).getPath());
        assertEquals(1, artifacts.read(run, "u\u0308/o\u0308").length);
    }

    @Test
    void progressEndsWithAllBytes() throws IOException {
        Path tree = Trees.make(folder.resolve("tree"));
        long total = 0;
        for (String file : Trees.digests(tree).keySet()) {
            total += Files.size(tree.resolve(file));
        }
        List<List<Long>> seen = new ArrayList<>();
        TransferOptions options = TransferOptions.defaults().progress((done, all) -> seen.add(List.of(done, all)));
        artifacts.upload(run, tree, "m", options);
        assertEquals(List.of(total, total), seen.get(seen.size() - 1));
        seen.clear();
        artifacts.download(run, "m", folder.resolve("down"), options);
        assertEquals(List.of(total, total), seen.get(seen.size() - 1));
    }

    @Test
    void aListShowsOneLevelOrAllFiles() {
        for (String path : List.of("m/sub/deep/y", "m/sub/x", "m/a")) {
            artifacts.uploadBytes(run, new byte[1], path);
        }
        List<Artifact> level = artifacts.list(run, "m/", false).toList();
        assertEquals(List.of("m/a", "m/sub"), level.stream().map(Artifact::getPath).toList());
        assertTrue(level.get(1).getDirectory());
        assertEquals(
                List.of("m/a", "m/sub/deep/y", "m/sub/x"),
                artifacts.list(run, "", true).pageSize(1).stream().map(Artifact::getPath).toList());
        assertEquals(List.of("m"), artifacts.list(run).stream().map(Artifact::getPath).toList());
    }

    @Test
    void aFolderIsDeletedWithItsFiles() {
        artifacts.uploadBytes(run, new byte[1], "m/a");
        artifacts.uploadBytes(run, new byte[1], "m/b");
        assertEquals(2, artifacts.delete(run, "m"));
        assertEquals(List.of(), artifacts.list(run).toList());
    }

    @Test
    void orphansAreCounted() {
        assertEquals(0, artifacts.purgeOrphans(true).getFiles());
    }

    @Test
    void aStreamBringsMoreThanItsWindow() throws IOException {
        byte[] data = Trees.random(9 * 1024 * 1024 + 1);
        artifacts.uploadBytes(run, data, "x");
        try (InputStream stream = artifacts.open(run, "x")) {
            assertEquals(data[0] & 0xff, stream.read());
            assertArrayEquals(Arrays.copyOfRange(data, 1, data.length), stream.readAllBytes());
            assertEquals(-1, stream.read());
            assertEquals(-1, stream.read(new byte[3]));
        }
    }

    @Test
    void aClosedStreamReadsNothing() throws IOException {
        artifacts.uploadBytes(run, Trees.random(9 * 1024 * 1024), "x");
        InputStream stream = artifacts.open(run, "x");
        stream.close();
        assertThrows(IOException.class, stream::readAllBytes);
    }

    @Test
    void aChannelReadsWhereItIsSet() throws IOException {
        byte[] data = Trees.random(3 * 1024 * 1024);
        artifacts.uploadBytes(run, data, "x");
        try (SeekableByteChannel channel = artifacts.openChannel(run, "x")) {
            assertEquals(data.length, channel.size());
            for (int position : new int[] {data.length - 7, 0, 1024 * 1024 - 3, data.length - 8, 5}) {
                ByteBuffer seven = ByteBuffer.allocate(7);
                channel.position(position);
                while (seven.hasRemaining()) {
                    assertTrue(channel.read(seven) > 0);
                }
                assertArrayEquals(Arrays.copyOfRange(data, position, position + 7), seven.array());
            }
            assertEquals(-1, channel.position(data.length).read(ByteBuffer.allocate(1)));
        }
    }

    @Test
    void aChannelNoticesThatTheFileWasReplaced() throws IOException {
        artifacts.uploadBytes(run, Trees.random(3 * 1024 * 1024), "x");
        try (SeekableByteChannel channel = artifacts.openChannel(run, "x")) {
            artifacts.uploadBytes(run, Trees.random(3 * 1024 * 1024 + 1), "x");
            channel.position(2 * 1024 * 1024);
            IOException error = assertThrows(IOException.class, () -> channel.read(ByteBuffer.allocate(1)));
            MilepostException cause = assertInstanceOf(MilepostException.class, error.getCause());
            assertEquals(ErrorReason.ERROR_REASON_ETAG_MISMATCH, cause.reason());
        }
    }

    @Test
    void whatIsNotThereIsNotFound() throws IOException {
        List<Executable> calls = List.of(
                () -> artifacts.read(run, "no"),
                () -> artifacts.open(run, "no"),
                () -> artifacts.openChannel(run, "no"),
                () -> artifacts.download(run, "no", folder.resolve("no")),
                () -> artifacts.delete(run, "no"));
        for (Executable call : calls) {
            NotFoundException error = assertThrows(NotFoundException.class, call);
            assertEquals(ErrorReason.ERROR_REASON_ARTIFACT_NOT_FOUND, error.reason());
        }
        assertEquals(Map.of(), Trees.digests(folder));
    }

    @Test
    void theServersRefusalIsThrown() {
        InvalidArgumentException error = assertThrows(
                InvalidArgumentException.class, () -> artifacts.uploadBytes(run, new byte[1], "../x"));
        assertEquals(ErrorReason.ERROR_REASON_BAD_PATH, error.reason());
        assertThrows(
                NotFoundException.class, () -> artifacts.uploadBytes("nothing", Trees.random(20 * CHUNK), "x"));
    }

    @Test
    void aMissingLocalFileIsALocalError() {
        UncheckedIOException error = assertThrows(
                UncheckedIOException.class, () -> artifacts.upload(run, folder.resolve("no")));
        assertInstanceOf(NoSuchFileException.class, error.getCause());
    }

    @Test
    void aFolderInTheWayIsALocalErrorAndNothingIsLeft() throws IOException {
        artifacts.uploadBytes(run, new byte[1], "m/x");
        Trees.write(folder.resolve("x/y"), new byte[1]);
        assertThrows(UncheckedIOException.class, () -> artifacts.download(run, "m", folder));
        assertEquals(List.of("x/y"), List.copyOf(Trees.digests(folder).keySet()));
    }

    @Test
    void whatTheListenerThrowsFailsTheTransfer() {
        TransferOptions options = TransferOptions.defaults().progress((done, total) -> {
            throw new IllegalStateException("mine");
        });
        IllegalStateException error = assertThrows(
                IllegalStateException.class,
                () -> artifacts.uploadBytes(run, ByteBuffer.allocate(10), "x", options));
        assertEquals("mine", error.getMessage());
        assertEquals(List.of(), artifacts.list(run).toList());
    }

    @Test
    void aTimeoutBoundsAllOfIt() {
        TransferOptions options = TransferOptions.defaults().timeout(Duration.ofNanos(1));
        assertThrows(
                DeadlineExceededException.class,
                () -> artifacts.uploadBytes(run, ByteBuffer.allocate(10), "x", options));
    }

    @Test
    void aCancelledUploadStops() {
        List<Long> seen = new ArrayList<>();
        CompletableFuture<CompletableFuture<Artifact>> begun = new CompletableFuture<>();
        TransferOptions options = TransferOptions.defaults().progress((done, total) -> {
            seen.add(done);
            begun.join().cancel(true);
        });
        ByteBuffer data = ByteBuffer.allocate(40 * CHUNK);
        CompletableFuture<Artifact> upload = artifacts.uploadBytesAsync(run, data, "x", options);
        begun.complete(upload);
        assertThrows(Exception.class, upload::get);
        artifacts.uploadBytes(run, new byte[1], "after");
        assertEquals(List.of((long) CHUNK), seen);
        assertEquals(List.of("after"), artifacts.list(run).stream().map(Artifact::getPath).toList());
    }

    @Test
    void aCancelledDownloadLeavesNothing() throws IOException {
        artifacts.uploadBytes(run, Trees.random(20 * CHUNK), "x");
        CompletableFuture<CompletableFuture<Path>> begun = new CompletableFuture<>();
        CompletableFuture<Void> cancelled = new CompletableFuture<>();
        TransferOptions options = TransferOptions.defaults().progress((done, total) -> {
            begun.join().cancel(true);
            cancelled.complete(null);
        });
        CompletableFuture<Path> download = artifacts.downloadAsync(run, "x", folder.resolve("down/x"), options);
        begun.complete(download);
        cancelled.join();
        assertTrue(download.isCancelled());
        Path down = folder.resolve("down");
        while (down.toFile().list().length > 0) {
            Thread.onSpinWait();
        }
        assertEquals(down.resolve("x"), artifacts.download(run, "x", down.resolve("x")));
    }
}
