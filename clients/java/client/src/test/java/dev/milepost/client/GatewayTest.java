package dev.milepost.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.errors.UnauthenticatedException;
import dev.milepost.client.errors.UnavailableException;
import dev.milepost.client.support.Certificate;
import dev.milepost.client.support.Gateway;
import dev.milepost.client.support.TestServer;
import dev.milepost.client.tracking.NewRun;
import dev.milepost.client.tracking.RunHandle;
import dev.milepost.client.writer.MetricWriter;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** TLS and tokens, as a gateway before the server asks for them. */
class GatewayTest {
    private static final String TOKEN = "open-sesame";
    private static Certificate certificate;
    private static Gateway gateway;

    @BeforeAll
    static void start() {
        certificate = Certificate.make();
        gateway = new Gateway(TestServer.shared(), certificate, TOKEN);
    }

    @AfterAll
    static void stop() {
        gateway.close();
    }

    private static MilepostClient.Builder trusting() {
        return MilepostClient.builder().target(gateway.address()).tls(certificate.certificate());
    }

    @Test
    void aTrustedCertificateAndTheTokenOpenTheWay() {
        try (MilepostClient client = trusting().token(TOKEN).build()) {
            assertFalse(client.serverInfo().getVersion().isEmpty());
        }
    }

    @Test
    void theTokenIsAskedForAtEachCall() {
        AtomicInteger asked = new AtomicInteger();
        try (MilepostClient client =
                trusting().token(() -> asked.getAndIncrement() == 0 ? TOKEN : "expired").build()) {
            client.serverInfo();
            assertThrows(UnauthenticatedException.class, client::serverInfo);
            assertEquals(2, asked.get());
        }
    }

    @Test
    void noTokenIsUnauthenticated() {
        try (MilepostClient client = trusting().build()) {
            assertThrows(UnauthenticatedException.class, client::serverInfo);
        }
    }

    @Test
    void pointsWaitForATokenThatIsKnown() {
        AtomicReference<String> token = new AtomicReference<>(TOKEN);
        try (MilepostClient client = trusting().token(token::get).build()) {
            RunHandle run = client.runs().create(NewRun.inDefault());
            token.set("expired");
            int before = gateway.refused();
            try (MetricWriter writer = run.metricWriter()) {
                writer.log("loss", 0.5, 1);
                while (gateway.refused() < before + 2) {
                    assertFalse(writer.flush(Duration.ofMillis(10)));
                }
                token.set(TOKEN);
                assertTrue(writer.flush(Duration.ofSeconds(60)));
                assertEquals(0, writer.refused());
            }
            assertEquals(1, run.metricHistory("loss").size());
        }
    }

    @Test
    void aCertificateThatNobodyTrustsIsNotTalkedTo() {
        try (MilepostClient client = MilepostClient.builder()
                .target("grpcs://" + gateway.address())
                .token(TOKEN)
                .retries(false)
                .build()) {
            assertThrows(UnavailableException.class, client::serverInfo);
        }
    }
}
