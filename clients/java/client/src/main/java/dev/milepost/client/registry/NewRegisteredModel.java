package dev.milepost.client.registry;

import dev.milepost.v1.AliasProtection;
import dev.milepost.v1.CreateRegisteredModelRequest;
import dev.milepost.v1.RegisteredModel;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * A registered model to create.
 *
 * @param request what is sent
 */
public record NewRegisteredModel(CreateRegisteredModelRequest request) {
    /**
     * {@return one without description, tags and protected aliases}
     *
     * @param name unique; 1-250 characters without {@code /}, {@code :} and {@code @}
     */
    public static NewRegisteredModel named(String name) {
        return new NewRegisteredModel(CreateRegisteredModelRequest.newBuilder()
                .setRegisteredModel(RegisteredModel.newBuilder().setName(name))
                .build());
    }

    /**
     * {@return the same with a description}
     *
     * @param text free text, Markdown by convention
     */
    public NewRegisteredModel description(String text) {
        return with(model -> model.setDescription(text));
    }

    /**
     * {@return the same with one more tag}
     *
     * @param key 1-250 characters
     * @param value at most 100,000 characters
     */
    public NewRegisteredModel tag(String key, String value) {
        return tags(Map.of(key, value));
    }

    /**
     * {@return the same with further tags}
     *
     * @param tags values by key
     */
    public NewRegisteredModel tags(Map<String, String> tags) {
        return with(model -> model.putAllTags(tags));
    }

    /**
     * {@return the same with an alias that not all may move}
     *
     * @param alias the alias
     * @param principals users and groups that may
     */
    public NewRegisteredModel protectedAlias(String alias, String... principals) {
        return with(model -> model.putProtectedAliases(alias, protection(List.of(principals))));
    }

    /**
     * {@return the same with an id that makes a repeat by another process safe; the client makes one for its own}
     *
     * @param id at most 128 characters
     */
    public NewRegisteredModel requestId(String id) {
        return new NewRegisteredModel(request.toBuilder().setRequestId(id).build());
    }

    static AliasProtection protection(Collection<String> principals) {
        return AliasProtection.newBuilder().addAllPrincipals(principals).build();
    }

    private NewRegisteredModel with(UnaryOperator<RegisteredModel.Builder> change) {
        return new NewRegisteredModel(request.toBuilder()
                .setRegisteredModel(change.apply(request.getRegisteredModel().toBuilder()))
                .build());
    }
}
