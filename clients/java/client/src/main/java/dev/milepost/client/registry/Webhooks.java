package dev.milepost.client.registry;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.paging.Page;
import dev.milepost.client.paging.Pages;
import dev.milepost.v1.CreateWebhookResponse;
import dev.milepost.v1.DeleteWebhookRequest;
import dev.milepost.v1.GetWebhookRequest;
import dev.milepost.v1.GetWebhookResponse;
import dev.milepost.v1.ListWebhookDeliveriesRequest;
import dev.milepost.v1.ListWebhooksRequest;
import dev.milepost.v1.TestWebhookRequest;
import dev.milepost.v1.TestWebhookResponse;
import dev.milepost.v1.UpdateWebhookResponse;
import dev.milepost.v1.Webhook;
import dev.milepost.v1.WebhookDelivery;
import dev.milepost.v1.WebhookServiceGrpc;
import java.util.concurrent.CompletableFuture;

/**
 * Verbs on webhooks: HTTP addresses that are sent the events of the registry. All throw
 * {@link dev.milepost.client.errors.MilepostException}, and where there is no such webhook {@code NotFoundException}
 * ({@code WEBHOOK_NOT_FOUND}).
 */
public final class Webhooks {
    private final Calls calls;

    /**
     * Verbs of a server.
     *
     * @param calls to the server
     */
    public Webhooks(Calls calls) {
        this.calls = calls;
    }

    /**
     * Creates a webhook, which is sent the events from now on. Fails with {@code BAD_WEBHOOK_URL}.
     *
     * @param webhook what to create
     * @return the webhook, without its secret
     */
    public Webhook create(NewWebhook webhook) {
        return Calls.await(createAsync(webhook));
    }

    /** As {@link #create}, without waiting. */
    public CompletableFuture<Webhook> createAsync(NewWebhook webhook) {
        return calls.start(
                WebhookServiceGrpc.getCreateWebhookMethod(), webhook.request(), CreateWebhookResponse::getWebhook);
    }

    /**
     * Reads a webhook.
     *
     * @param id its id
     * @return the webhook, without its secret
     */
    public Webhook get(String id) {
        return Calls.await(getAsync(id));
    }

    /** As {@link #get}, without waiting. */
    public CompletableFuture<Webhook> getAsync(String id) {
        return calls.start(
                WebhookServiceGrpc.getGetWebhookMethod(),
                GetWebhookRequest.newBuilder().setWebhookId(id).build(),
                GetWebhookResponse::getWebhook);
    }

    /** {@return all webhooks in order of creation, without their secrets} */
    public Pages<Webhook> list() {
        return new Pages<>((token, size) -> calls.start(
                WebhookServiceGrpc.getListWebhooksMethod(),
                ListWebhooksRequest.newBuilder()
                        .setPageToken(token)
                        .setPageSize(size)
                        .build(),
                answer -> new Page<>(answer.getWebhooksList(), answer.getNextPageToken())));
    }

    /**
     * Changes what the update names. Fails with {@code BAD_WEBHOOK_URL}.
     *
     * @param id the webhook's id
     * @param update what to change
     * @return the webhook as it is now, without its secret
     */
    public Webhook update(String id, WebhookUpdate update) {
        return Calls.await(updateAsync(id, update));
    }

    /** As {@link #update}, without waiting. */
    public CompletableFuture<Webhook> updateAsync(String id, WebhookUpdate update) {
        return calls.start(
                WebhookServiceGrpc.getUpdateWebhookMethod(), update.of(id), UpdateWebhookResponse::getWebhook);
    }

    /**
     * Removes a webhook.
     *
     * @param id its id
     */
    public void delete(String id) {
        Calls.await(deleteAsync(id));
    }

    /** As {@link #delete}, without waiting. */
    public CompletableFuture<Void> deleteAsync(String id) {
        return calls.start(
                WebhookServiceGrpc.getDeleteWebhookMethod(),
                DeleteWebhookRequest.newBuilder().setWebhookId(id).build(),
                answer -> null);
    }

    /**
     * Sends a made-up event once, also to a disabled webhook. A refusal is an answer, no error.
     *
     * @param id the webhook's id
     * @return what came back
     */
    public WebhookDelivery test(String id) {
        return test(id, "");
    }

    /**
     * Sends a made-up event once to a webhook of MLflow's form. A refusal is an answer, no error.
     *
     * @param id the webhook's id
     * @param mlflowEvent MLflow's name of the event; empty for the first that the webhook is sent
     * @return what came back
     */
    public WebhookDelivery test(String id, String mlflowEvent) {
        return Calls.await(testAsync(id, mlflowEvent));
    }

    /** As {@link #test(String, String)}, without waiting. */
    public CompletableFuture<WebhookDelivery> testAsync(String id, String mlflowEvent) {
        return calls.start(
                WebhookServiceGrpc.getTestWebhookMethod(),
                TestWebhookRequest.newBuilder()
                        .setWebhookId(id)
                        .setMlflowEvent(mlflowEvent)
                        .build(),
                TestWebhookResponse::getDelivery);
    }

    /**
     * {@return the attempts of the last 30 days to send events to a webhook, latest first}
     *
     * @param id the webhook's id
     */
    public Pages<WebhookDelivery> deliveries(String id) {
        return new Pages<>((token, size) -> calls.start(
                WebhookServiceGrpc.getListWebhookDeliveriesMethod(),
                ListWebhookDeliveriesRequest.newBuilder()
                        .setWebhookId(id)
                        .setPageToken(token)
                        .setPageSize(size)
                        .build(),
                answer -> new Page<>(answer.getDeliveriesList(), answer.getNextPageToken())));
    }
}
