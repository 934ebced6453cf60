package dev.milepost.client.registry;

import dev.milepost.client.values.Masks;
import dev.milepost.v1.RegistryEvent;
import dev.milepost.v1.UpdateWebhookRequest;
import dev.milepost.v1.Webhook;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * What to change of a webhook. What is not named stays.
 *
 * @param request what is sent, without the id of the webhook
 */
public record WebhookUpdate(UpdateWebhookRequest request) {
    /** {@return one that changes nothing yet} */
    public static WebhookUpdate none() {
        return new WebhookUpdate(UpdateWebhookRequest.getDefaultInstance());
    }

    /**
     * {@return the same with a new name}
     *
     * @param name for people, 1-250 characters
     */
    public WebhookUpdate name(String name) {
        return with("name", webhook -> webhook.setName(name));
    }

    /**
     * {@return the same with a new description}
     *
     * @param text free text, at most 10,000 characters
     */
    public WebhookUpdate description(String text) {
        return with("description", webhook -> webhook.setDescription(text));
    }

    /**
     * {@return the same with a new address}
     *
     * @param url where events go: {@code https} and public, unless the server allows the host
     */
    public WebhookUpdate url(String url) {
        return with("url", webhook -> webhook.setUrl(url));
    }

    /**
     * {@return the same for these kinds of events}
     *
     * @param kinds which; none for all
     */
    public WebhookUpdate kinds(RegistryEvent.Kind... kinds) {
        return with("kinds", webhook -> webhook.clearKinds().addAllKinds(List.of(kinds)));
    }

    /**
     * {@return the same for events of one registered model}
     *
     * @param name the registered model; empty for all
     */
    public WebhookUpdate modelName(String name) {
        return with("model_name", webhook -> webhook.setModelName(name));
    }

    /**
     * {@return the same with another key for signatures}
     *
     * @param key 16-250 characters, or 1-250 in MLflow's form; empty ends the signatures
     */
    public WebhookUpdate secret(String key) {
        return with("secret", webhook -> webhook.setSecret(key));
    }

    /**
     * {@return the same, sent events from then on or not}
     *
     * @param active whether events are sent
     */
    public WebhookUpdate active(boolean active) {
        return with(
                "state",
                webhook -> webhook.setState(active ? Webhook.State.STATE_ACTIVE : Webhook.State.STATE_DISABLED));
    }

    /**
     * {@return the same with requests in another form}
     *
     * @param format of the requests
     */
    public WebhookUpdate format(Webhook.Format format) {
        return with("format", webhook -> webhook.setFormat(format));
    }

    /**
     * {@return the same for these events, in MLflow's form}
     *
     * @param events MLflow's names of them, such as {@code model_version.created}; none for all
     */
    public WebhookUpdate mlflowEvents(String... events) {
        return with("mlflow_events", webhook -> webhook.clearMlflowEvents().addAllMlflowEvents(List.of(events)));
    }

    UpdateWebhookRequest of(String id) {
        return request.toBuilder()
                .setWebhook(request.getWebhook().toBuilder().setWebhookId(id))
                .build();
    }

    private WebhookUpdate with(String field, UnaryOperator<Webhook.Builder> change) {
        return new WebhookUpdate(request.toBuilder()
                .setWebhook(change.apply(request.getWebhook().toBuilder()))
                .setUpdateMask(Masks.with(request.getUpdateMask(), field))
                .build());
    }
}
