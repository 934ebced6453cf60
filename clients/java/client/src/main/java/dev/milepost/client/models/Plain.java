package dev.milepost.client.models;

import java.lang.reflect.Array;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Values that JSON and YAML share: null, booleans, numbers, texts, lists, and mappings by texts. */
final class Plain {
    private static final int MAX_DEPTH = 50;
    /** YAML takes no longer keys on one line. */
    private static final int MAX_KEY = 1000;

    private Plain() {}

    /**
     * A deep copy that cannot be changed: numbers are {@code Long}, {@code BigInteger} or {@code Double}, arrays lists.
     *
     * @throws IllegalArgumentException when it holds something else; the message begins with {@code what}
     */
    static Object copyOf(Object value, String what) {
        return copyOf(value, what, 0);
    }

    /** {@link #copyOf(Object, String)} of a mapping. */
    static Map<String, Object> copyOf(Map<String, ?> values, String what) {
        return copyOf(values, what, 0);
    }

    private static Object copyOf(Object value, String what, int depth) {
        if (depth > MAX_DEPTH) {
            throw new IllegalArgumentException(what + " nests deeper than " + MAX_DEPTH + " levels, or holds itself.");
        }
        if (value == null || value instanceof Boolean || value instanceof Long || value instanceof BigInteger) {
            return value;
        }
        if (value instanceof Integer || value instanceof Short || value instanceof Byte) {
            return ((Number) value).longValue();
        }
        if (value instanceof Double || value instanceof Float) {
            return finite(((Number) value).doubleValue(), what);
        }
        if (value instanceof CharSequence || value instanceof Character || value instanceof Enum) {
            return text(value.toString(), what);
        }
        if (value instanceof Map<?, ?> map) {
            return copyOf(map, what, depth);
        }
        if (value instanceof Iterable<?> items) {
            List<Object> copy = new ArrayList<>();
            items.forEach(item -> copy.add(copyOf(item, what, depth + 1)));
            return Collections.unmodifiableList(copy);
        }
        if (value.getClass().isArray()) {
            return copyOf(boxed(value), what, depth);
        }
        throw new IllegalArgumentException(what + " holds a " + value.getClass().getName() + ", which JSON has not.");
    }

    /** The elements of an array of any type. */
    static List<Object> boxed(Object array) {
        List<Object> items = new ArrayList<>();
        for (int i = 0; i < Array.getLength(array); i++) {
            items.add(Array.get(array, i));
        }
        return items;
    }

    private static Map<String, Object> copyOf(Map<?, ?> values, String what, int depth) {
        Map<String, Object> copy = new LinkedHashMap<>();
        values.forEach((key, value) -> {
            if (!(key instanceof String name) || name.length() > MAX_KEY) {
                throw new IllegalArgumentException(what + " has a key that is no text of at most " + MAX_KEY
                        + " characters.");
            }
            copy.put(text(name, what), copyOf(value, what, depth + 1));
        });
        return Collections.unmodifiableMap(copy);
    }

    private static Double finite(double value, String what) {
        if (!Double.isFinite(value)) {
            throw new IllegalArgumentException(what + " holds " + value + ", which JSON has not.");
        }
        return value;
    }

    private static String text(String text, String what) {
        if (text.codePoints().anyMatch(point -> point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE)) {
            throw new IllegalArgumentException(what + " holds half of a surrogate pair, which has no UTF-8 form.");
        }
        return text;
    }
}
