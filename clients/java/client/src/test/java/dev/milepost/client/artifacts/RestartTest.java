package dev.milepost.client.artifacts;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.support.TestServer;
import dev.milepost.v1.Artifact;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Transfers during which the server is killed and started again. */
@Timeout(120)
class RestartTest {
    private static final int MIB = 1024 * 1024;
    private static final int KILLED_AT = 20 * MIB;
    private static final byte[] DATA = Trees.random(40 * MIB);
    private static TestServer server;
    private static Client client;

    @BeforeAll
    static void connect() {
        server = TestServer.tracking();
        client = new Client(server.address());
    }

    @AfterAll
    static void disconnect() {
        client.close();
        server.close();
    }

    /** Kills the server at a point of a transfer, and keeps what it was told after that. */
    private static final class Killer implements TransferProgress {
        final List<Long> after = new ArrayList<>();
        private CompletableFuture<Void> started;

        @Override
        public void moved(long done, long total) {
            if (started != null) {
                after.add(done);
            } else if (done >= KILLED_AT) {
                server.kill();
                started = CompletableFuture.runAsync(server::start);
            }
        }
    }

    @Test
    void anUploadGoesOnWhereTheNewServerStands() {
        String run = client.run();
        Killer killer = new Killer();
        Artifact artifact = client.artifacts.uploadBytes(
                run, ByteBuffer.wrap(DATA), "x", TransferOptions.defaults().progress(killer));
        killer.started.join();
        assertEquals(Trees.sha256(DATA), artifact.getSha256());
        assertTrue(Collections.min(killer.after) > 4 * MIB, "only the rest is sent again");
        assertArrayEquals(DATA, client.artifacts.read(run, "x"));
    }

    @Test
    void aDownloadGoesOnWhereItStopped(@TempDir Path folder) throws IOException {
        String run = client.run();
        client.artifacts.uploadBytes(run, DATA, "x");
        Killer killer = new Killer();
        Path target = client.artifacts.download(
                run, "x", folder.resolve("x"), TransferOptions.defaults().progress(killer));
        killer.started.join();
        assertArrayEquals(DATA, Files.readAllBytes(target));
        assertTrue(killer.after.get(0) > KILLED_AT, "only the rest is fetched");
        assertEquals(killer.after.stream().sorted().toList(), killer.after);
    }
}
