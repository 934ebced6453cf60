package dev.milepost.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.errors.UnavailableException;
import dev.milepost.client.support.TestServer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConnectionTest {
    @Test
    void theServerSaysWhoItIs() {
        try (MilepostClient client = MilepostClient.connect("grpc://" + TestServer.shared().address())) {
            assertFalse(client.serverInfo().getVersion().isEmpty());
            assertEquals("sqlite", client.serverInfo().getDatabase());
        }
    }

    @Test
    void nobodyThereIsUnavailableAndNamesTheCall() {
        try (MilepostClient client = MilepostClient.builder()
                .target("127.0.0.1:1")
                .retries(false)
                .build()) {
            UnavailableException error = assertThrows(UnavailableException.class, client::serverInfo);
            assertTrue(error.isRetriable());
            assertFalse(error.callId().isEmpty());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "localhost", "http://localhost:5001", "localhost:0", "localhost:70000", "a b:1"})
    void otherAddressesAreRefused(String address) {
        assertThrows(IllegalArgumentException.class, () -> MilepostClient.connect(address));
    }

    @Test
    void aTokenDoesNotLeaveTheMachineInClear() {
        assertThrows(IllegalArgumentException.class, () -> MilepostClient.builder()
                .target("example.org:5001")
                .token("secret")
                .build());
    }
}
