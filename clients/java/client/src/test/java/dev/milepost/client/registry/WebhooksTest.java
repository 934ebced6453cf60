package dev.milepost.client.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import dev.milepost.client.MilepostClient;
import dev.milepost.client.errors.InvalidArgumentException;
import dev.milepost.client.errors.NotFoundException;
import dev.milepost.client.support.TestServer;
import dev.milepost.v1.ErrorReason;
import dev.milepost.v1.RegistryEvent;
import dev.milepost.v1.Webhook;
import dev.milepost.v1.WebhookDelivery;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class WebhooksTest {
    private static final BlockingQueue<String> RECEIVED = new LinkedBlockingQueue<>();
    private static TestServer server;
    private static MilepostClient client;
    private static HttpServer receiver;
    private static String url;

    @BeforeAll
    static void start() throws Exception {
        server = TestServer.tracking("--webhook-host", "127.0.0.1");
        client = MilepostClient.connect(server.address());
        receiver = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        receiver.createContext("/", exchange -> {
            RECEIVED.add(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
            exchange.sendResponseHeaders(exchange.getRequestURI().getPath().equals("/refuse") ? 418 : 204, -1);
            exchange.close();
        });
        receiver.start();
        url = "http://127.0.0.1:" + receiver.getAddress().getPort();
    }

    @AfterAll
    static void stop() {
        receiver.stop(0);
        client.close();
        server.close();
    }

    private final Webhooks webhooks = client.webhooks();

    @Test
    void aWebhookIsCreatedListedChangedAndDeleted() {
        Webhook created = webhooks.create(NewWebhook.to("ci", url)
                .description("starts the checks")
                .kinds(RegistryEvent.Kind.KIND_ALIAS_SET)
                .modelName("nobody's")
                .secret("0123456789abcdef")
                .disabled());
        assertEquals(Webhook.State.STATE_DISABLED, created.getState());
        assertEquals("", created.getSecret());
        assertEquals(created, webhooks.get(created.getWebhookId()));
        assertTrue(webhooks.list().pageSize(1).toList().contains(created));

        Webhook changed = webhooks.update(
                created.getWebhookId(), WebhookUpdate.none().active(true).kinds().name("all"));
        assertEquals("all", changed.getName());
        assertEquals(List.of(), changed.getKindsList());
        assertEquals(Webhook.State.STATE_ACTIVE, changed.getState());
        assertEquals("starts the checks", changed.getDescription());

        webhooks.delete(created.getWebhookId());
        NotFoundException gone =
                assertThrows(NotFoundException.class, () -> webhooks.get(created.getWebhookId()));
        assertEquals(ErrorReason.ERROR_REASON_WEBHOOK_NOT_FOUND, gone.reason());
    }

    @Test
    void whatComesBackOfATestIsAnAnswerAlsoWhenItIsARefusal() {
        Webhook accepting = webhooks.create(NewWebhook.to("accepts", url).disabled());
        assertEquals(204, webhooks.test(accepting.getWebhookId()).getHttpStatus());
        Webhook refusing = webhooks.create(NewWebhook.to("refuses", url + "/refuse").disabled());
        WebhookDelivery refused = webhooks.test(refusing.getWebhookId());
        assertEquals(418, refused.getHttpStatus());
        assertFalse(refused.getError().isEmpty());
    }

    @Test
    void attemptsToSendAnEventAreListed() throws Exception {
        String name = Samples.unique("sent");
        Webhook webhook = webhooks.create(NewWebhook.to("sent", url).modelName(name));
        RECEIVED.clear();
        client.registeredModels().create(name);
        RegistryEvent event = client.registry().events(name).first().orElseThrow();
        assertTrue(RECEIVED.poll(10, TimeUnit.SECONDS).contains(name));
        // The server writes the attempt down once it has the answer.
        List<WebhookDelivery> attempts = List.of();
        for (long end = System.nanoTime() + 10_000_000_000L; attempts.isEmpty() && System.nanoTime() < end; ) {
            attempts = webhooks.deliveries(webhook.getWebhookId()).toList();
        }
        assertEquals(
                List.of(event.getSequence()),
                attempts.stream().map(WebhookDelivery::getSequence).toList());
    }

    @Test
    void aTestInMlflowsFormNamesItsEvent() throws Exception {
        Webhook webhook = webhooks.create(
                NewWebhook.to("mlflow", url).disabled().mlflow("registered_model.created", "model_version.created"));
        assertEquals(Webhook.Format.FORMAT_MLFLOW, webhook.getFormat());
        RECEIVED.clear();
        webhooks.test(webhook.getWebhookId(), "model_version.created");
        String body = RECEIVED.poll(10, TimeUnit.SECONDS);
        assertTrue(body.contains("\"model_version\"") && body.contains("\"created\""), body);
    }

    @Test
    void anAddressThatIsNotPublicIsRefused() {
        InvalidArgumentException error = assertThrows(
                InvalidArgumentException.class, () -> webhooks.create(NewWebhook.to("inside", "https://127.0.0.2/")));
        assertEquals(ErrorReason.ERROR_REASON_BAD_WEBHOOK_URL, error.reason());
    }
}
