package dev.milepost.client.artifacts;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.errors.AbortedException;
import dev.milepost.client.errors.DataLossException;
import dev.milepost.client.errors.InvalidArgumentException;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.client.errors.UnavailableException;
import dev.milepost.v1.Artifact;
import dev.milepost.v1.ErrorReason;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Servers that are hostile, and networks that are. */
@Timeout(60)
class OddServerTest {
    private static final byte[] DATA = Trees.random(1000);
    private static final byte[] BEGIN = Arrays.copyOf(DATA, 400);
    private static final byte[] REST = Arrays.copyOfRange(DATA, 400, 1000);
    private static final String SHA256 = Trees.sha256(DATA);

    @TempDir
    Path folder;

    private static OddServer.Answer whole(byte[] data) {
        return new OddServer.Answer(data, 1000, SHA256, false);
    }

    private static OddServer.Answer broken(byte[] data, String sha256) {
        return new OddServer.Answer(data, 1000, sha256, true);
    }

    @ParameterizedTest
    @ValueSource(strings = {"../x", "m/../../x", "/tmp/x", "m\\..\\..\\x", "other"})
    void listedNamesThatWouldLeaveTheDestinationStopTheDownloadBeforeItBegins(String path) throws IOException {
        try (OddServer server = new OddServer(List.of("m/good", path));
                Client client = server.client()) {
            InvalidArgumentException error = assertThrows(
                    InvalidArgumentException.class,
                    () -> client.artifacts.download("run", "m", folder.resolve("down")));
            assertEquals(ErrorReason.ERROR_REASON_BAD_PATH, error.reason());
            assertEquals(List.of(), server.offsets);
            assertEquals(Map.of(), Trees.digests(folder));
        }
    }

    @Test
    void otherBytesThanRecordedAreLossAndNothingIsWritten() throws IOException {
        byte[] flipped = DATA.clone();
        flipped[500] ^= 1;
        for (byte[] data : List.of(flipped, BEGIN, Trees.random(1001))) {
            try (OddServer server = new OddServer(List.of("x"), whole(data), whole(data), whole(data));
                    Client client = server.client()) {
                DataLossException error = assertThrows(
                        DataLossException.class, () -> client.artifacts.download("run", "x", folder.resolve("x")));
                assertEquals(ErrorReason.ERROR_REASON_ARTIFACT_CORRUPT, error.reason());
                assertEquals(Map.of(), Trees.digests(folder));
                assertThrows(DataLossException.class, () -> client.artifacts.read("run", "x"));
                IOException read = assertThrows(IOException.class, () -> readStream(client));
                assertInstanceOf(DataLossException.class, read.getCause());
            }
        }
    }

    @Test
    void aBrokenDownloadAsksForTheRest() throws IOException {
        try (OddServer server = new OddServer(List.of("x"), broken(BEGIN, SHA256), whole(REST));
                Client client = server.client()) {
            assertArrayEquals(DATA, client.artifacts.read("run", "x"));
            assertEquals(List.of(0L, 400L), server.offsets);
        }
    }

    @Test
    void aBrokenStreamAsksForTheRest() throws IOException {
        try (OddServer server = new OddServer(List.of("x"), broken(BEGIN, SHA256), whole(REST));
                Client client = server.client()) {
            assertArrayEquals(DATA, readStream(client));
        }
    }

    @Test
    void aFileThatWasReplacedMeanwhileIsNotMixedWithTheOld() throws IOException {
        try (OddServer server = new OddServer(List.of("x"), broken(BEGIN, "0".repeat(64)), whole(REST));
                Client client = server.client()) {
            AbortedException error = assertThrows(
                    AbortedException.class, () -> client.artifacts.download("run", "x", folder.resolve("x")));
            assertEquals(ErrorReason.ERROR_REASON_ETAG_MISMATCH, error.reason());
            assertEquals(Map.of(), Trees.digests(folder));
        }
    }

    @Test
    void withoutRetriesABrokenDownloadFails() throws IOException {
        try (OddServer server = new OddServer(List.of("x"), broken(BEGIN, SHA256), whole(REST));
                Client client = new Client(server.address(), false)) {
            assertThrows(UnavailableException.class, () -> client.artifacts.read("run", "x"));
            assertEquals(List.of(0L), server.offsets);
        }
    }

    @Test
    void closingTheConnectionEndsATransfer() {
        Client client = new Client("127.0.0.1:1");
        CompletableFuture<Artifact> upload = client.artifacts.uploadBytesAsync("run", DATA, "x");
        client.close();
        // Which exception depends on whether the attempt had found nobody there by then.
        assertThrows(MilepostException.class, () -> Calls.await(upload));
    }

    private static byte[] readStream(Client client) throws IOException {
        try (InputStream stream = client.artifacts.open("run", "x")) {
            return stream.readAllBytes();
        }
    }
}
