package dev.milepost.client.models;

import dev.milepost.client.values.Json;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** Reads members of JSON, and says where one is wrong. */
final class Fields {
    private Fields() {}

    @SuppressWarnings("unchecked") // keys of what Json gives are texts
    static Map<String, Object> mapping(Object value, String where) {
        if (value instanceof Map<?, ?> map) {
            return (Map<String, Object>) map;
        }
        throw wrong(where, "a mapping", value);
    }

    static List<?> list(Object value, String where) {
        if (value instanceof List<?> list) {
            return list;
        }
        throw wrong(where, "a list", value);
    }

    static String text(Object value, String where) {
        if (value instanceof String text) {
            return text;
        }
        throw wrong(where, "a text", value);
    }

    /** The value in a text of JSON. */
    static Object json(Object text, String where) {
        String found = text(text, where);
        return checked(where, () -> Json.readUnambiguous(found));
    }

    /** True where the key is absent, false where it is null, as MLflow means it. */
    static boolean required(Map<String, Object> item, String where) {
        Object value = item.getOrDefault("required", true);
        if (value == null || value instanceof Boolean) {
            return Boolean.TRUE.equals(value);
        }
        throw wrong(where + ".required", "true or false", value);
    }

    /** What is made of values that were read: one that may not be is the file's fault, not the caller's. */
    static <T> T checked(String where, Supplier<T> make) {
        try {
            return make.get();
        } catch (IllegalArgumentException refused) {
            throw new ModelFormatException(where + ": " + refused.getMessage());
        }
    }

    private static ModelFormatException wrong(String where, String wanted, Object value) {
        String found = value == null ? "missing" : value.getClass().getSimpleName();
        return new ModelFormatException(where + " must be " + wanted + ", not " + found + ".");
    }
}
