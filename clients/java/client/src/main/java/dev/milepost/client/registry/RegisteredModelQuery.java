package dev.milepost.client.registry;

import dev.milepost.client.values.Masks;
import dev.milepost.v1.ListRegisteredModelsRequest;

/**
 * Which registered models to list, and in which order.
 *
 * @param request what is sent
 */
public record RegisteredModelQuery(ListRegisteredModelsRequest request) {
    /** {@return all registered models, newest first} */
    public static RegisteredModelQuery all() {
        return new RegisteredModelQuery(ListRegisteredModelsRequest.getDefaultInstance());
    }

    /**
     * {@return the same, but only those that meet a condition, in place of one given before}
     *
     * @param filter in the filter language, for example {@code name LIKE 'fraud-%' AND tags.team = 'risk'}
     */
    public RegisteredModelQuery filter(String filter) {
        return new RegisteredModelQuery(request.toBuilder().setFilter(filter).build());
    }

    /**
     * {@return the same in another order}
     *
     * @param keys comma-separated attributes or tags, each with an optional {@code ASC} or {@code DESC}; default
     *     {@code create_time DESC}
     */
    public RegisteredModelQuery orderBy(String keys) {
        return new RegisteredModelQuery(request.toBuilder().setOrderBy(keys).build());
    }

    /**
     * {@return the same with these fields only}
     *
     * @param fields of {@link dev.milepost.v1.RegisteredModel}; default all
     */
    public RegisteredModelQuery fields(String... fields) {
        return new RegisteredModelQuery(
                request.toBuilder().setReadMask(Masks.of(fields)).build());
    }
}
