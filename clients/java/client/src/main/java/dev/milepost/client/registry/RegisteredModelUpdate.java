package dev.milepost.client.registry;

import dev.milepost.client.values.Masks;
import dev.milepost.v1.RegisteredModel;
import dev.milepost.v1.UpdateRegisteredModelRequest;
import java.util.Collection;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * What to change of a registered model. What is not named stays.
 *
 * @param request what is sent, without the name of the model
 */
public record RegisteredModelUpdate(UpdateRegisteredModelRequest request) {
    /** {@return one that changes nothing yet} */
    public static RegisteredModelUpdate none() {
        return new RegisteredModelUpdate(UpdateRegisteredModelRequest.getDefaultInstance());
    }

    /**
     * {@return the same with a new description}
     *
     * @param text free text, Markdown by convention
     */
    public RegisteredModelUpdate description(String text) {
        return with("description", model -> model.setDescription(text));
    }

    /**
     * {@return the same with tags that replace all that there are}
     *
     * @param tags values by key
     */
    public RegisteredModelUpdate tags(Map<String, String> tags) {
        return with("tags", model -> model.clearTags().putAllTags(tags));
    }

    /**
     * {@return the same with protections of aliases that replace all that there are}
     *
     * @param principals for each alias that not all may move, the users and groups that may
     */
    public RegisteredModelUpdate protectedAliases(Map<String, ? extends Collection<String>> principals) {
        return with("protected_aliases", model -> {
            model.clearProtectedAliases();
            principals.forEach((alias, names) ->
                    model.putProtectedAliases(alias, NewRegisteredModel.protection(names)));
            return model;
        });
    }

    /**
     * {@return the same, refused with {@code ETAG_MISMATCH} when the model has changed since}
     *
     * @param etag {@link RegisteredModelHandle#etag} as it was read
     */
    public RegisteredModelUpdate ifEtag(String etag) {
        return new RegisteredModelUpdate(request.toBuilder()
                .setRegisteredModel(request.getRegisteredModel().toBuilder().setEtag(etag))
                .build());
    }

    UpdateRegisteredModelRequest of(String name) {
        return request.toBuilder()
                .setRegisteredModel(request.getRegisteredModel().toBuilder().setName(name))
                .build();
    }

    private RegisteredModelUpdate with(String field, UnaryOperator<RegisteredModel.Builder> change) {
        return new RegisteredModelUpdate(request.toBuilder()
                .setRegisteredModel(change.apply(request.getRegisteredModel().toBuilder()))
                .setUpdateMask(Masks.with(request.getUpdateMask(), field))
                .build());
    }
}
