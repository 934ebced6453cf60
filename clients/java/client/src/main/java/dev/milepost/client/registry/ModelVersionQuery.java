package dev.milepost.client.registry;

import dev.milepost.client.values.Masks;
import dev.milepost.v1.ListModelVersionsRequest;

/**
 * Which versions of registered models to list, and in which order.
 *
 * @param name the registered model whose versions to list; empty for versions of all models
 * @param request the rest of what is sent; its filter narrows the list further
 */
public record ModelVersionQuery(String name, ListModelVersionsRequest request) {
    /** {@return the versions of all registered models, newest first} */
    public static ModelVersionQuery all() {
        return of("");
    }

    /**
     * {@return the versions of one registered model, newest first}
     *
     * @param name of the registered model
     */
    public static ModelVersionQuery of(String name) {
        return new ModelVersionQuery(name, ListModelVersionsRequest.getDefaultInstance());
    }

    /**
     * {@return the same, but only those of them that meet a condition, in place of one given before}
     *
     * @param filter in the filter language, for example {@code stage = 'production' AND tags.checked = 'yes'}
     */
    public ModelVersionQuery filter(String filter) {
        return new ModelVersionQuery(name, request.toBuilder().setFilter(filter).build());
    }

    /**
     * {@return the same in another order}
     *
     * @param keys comma-separated attributes or tags, each with an optional {@code ASC} or {@code DESC}; default
     *     {@code create_time DESC}
     */
    public ModelVersionQuery orderBy(String keys) {
        return new ModelVersionQuery(name, request.toBuilder().setOrderBy(keys).build());
    }

    /**
     * {@return the same with these fields only}
     *
     * @param fields of {@link dev.milepost.v1.ModelVersion}; default all but {@code model_card}
     */
    public ModelVersionQuery fields(String... fields) {
        return new ModelVersionQuery(
                name, request.toBuilder().setReadMask(Masks.of(fields)).build());
    }

    /** What is sent. Throws {@code IllegalArgumentException} for a name that no filter can hold. */
    ListModelVersionsRequest narrowed() {
        if (name.isEmpty()) {
            return request;
        }
        String quote = name.contains("'") ? "\"" : "'";
        if (name.contains(quote)) {
            throw new IllegalArgumentException(
                    "name: " + name + " has both kinds of quotes, and the filter language escapes none.");
        }
        String condition = "name = " + quote + name + quote;
        String more = request.getFilter().isBlank() ? "" : " AND (" + request.getFilter() + ")";
        return request.toBuilder().setFilter(condition + more).build();
    }
}
