package dev.milepost.client.models;

import java.util.Map;
import java.util.Optional;

/** What a {@link Schema} consists of: columns, or tensors. */
public sealed interface SchemaField permits Column, TensorSpec {
    /** {@return what it is called; empty when it is told from others by its position} */
    Optional<String> name();

    /** {@return how a descriptor says it, in values of JSON} */
    Map<String, Object> json();

    /** The name of a field; null and the numbers that MLflow writes for columns without names are none. */
    static Optional<String> nameOf(Map<String, Object> item, String where) {
        Object name = item.get("name");
        if (name == null || name instanceof Long) {
            return Optional.empty();
        }
        return Optional.of(Fields.text(name, where + ".name"));
    }
}
