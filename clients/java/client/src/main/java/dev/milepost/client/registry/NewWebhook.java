package dev.milepost.client.registry;

import dev.milepost.v1.CreateWebhookRequest;
import dev.milepost.v1.RegistryEvent;
import dev.milepost.v1.Webhook;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * A webhook to create: an HTTP address that is sent the events of the registry.
 *
 * @param request what is sent
 */
public record NewWebhook(CreateWebhookRequest request) {
    /**
     * {@return one that is sent all events from now on, without signatures}
     *
     * @param name for people, 1-250 characters; need not be unique
     * @param url where events go: {@code https} and public, unless the server allows the host
     */
    public static NewWebhook to(String name, String url) {
        return new NewWebhook(CreateWebhookRequest.newBuilder()
                .setWebhook(Webhook.newBuilder().setName(name).setUrl(url))
                .build());
    }

    /**
     * {@return the same with a description}
     *
     * @param text free text, at most 10,000 characters
     */
    public NewWebhook description(String text) {
        return with(webhook -> webhook.setDescription(text));
    }

    /**
     * {@return the same, but only for these kinds of events}
     *
     * @param kinds which; none for all
     */
    public NewWebhook kinds(RegistryEvent.Kind... kinds) {
        return with(webhook -> webhook.clearKinds().addAllKinds(List.of(kinds)));
    }

    /**
     * {@return the same, but only for events of one registered model}
     *
     * @param name the registered model; empty for all
     */
    public NewWebhook modelName(String name) {
        return with(webhook -> webhook.setModelName(name));
    }

    /**
     * {@return the same with signatures}
     *
     * @param key what requests are signed with: 16-250 characters, or 1-250 in MLflow's form; never returned
     */
    public NewWebhook secret(String key) {
        return with(webhook -> webhook.setSecret(key));
    }

    /** {@return the same, but sent nothing until {@link WebhookUpdate#active} says so} */
    public NewWebhook disabled() {
        return with(webhook -> webhook.setState(Webhook.State.STATE_DISABLED));
    }

    /**
     * {@return the same, with requests in MLflow's form, for receivers that were written for it}
     *
     * @param events MLflow's names of the events to send, such as {@code model_version.created}; none for all
     */
    public NewWebhook mlflow(String... events) {
        return with(webhook -> webhook.setFormat(Webhook.Format.FORMAT_MLFLOW)
                .clearMlflowEvents()
                .addAllMlflowEvents(List.of(events)));
    }

    /**
     * {@return the same with an id that makes a repeat by another process safe; the client makes one for its own}
     *
     * @param id at most 128 characters
     */
    public NewWebhook requestId(String id) {
        return new NewWebhook(request.toBuilder().setRequestId(id).build());
    }

    private NewWebhook with(UnaryOperator<Webhook.Builder> change) {
        return new NewWebhook(request.toBuilder()
                .setWebhook(change.apply(request.getWebhook().toBuilder()))
                .build());
    }
}
