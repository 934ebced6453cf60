package dev.milepost.client.tracking;

import java.lang.reflect.Array;
import java.math.BigInteger;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** Writes JSON (RFC 8259) without spaces. Doubles read back as the same doubles. */
final class JsonWriter {
    static final int MAX_DEPTH = 500;

    private final StringBuilder out = new StringBuilder();

    private JsonWriter() {}

    /** Whether an object is a document of its own: null, or a container. */
    static boolean takes(Object value) {
        return value == null
                || value instanceof Iterable
                || value instanceof Map
                || value.getClass().isArray();
    }

    static String write(Object value) {
        JsonWriter writer = new JsonWriter();
        writer.value(value, 0);
        return writer.out.toString();
    }

    private void value(Object value, int depth) {
        if (depth > MAX_DEPTH) {
            throw new IllegalArgumentException("it is nested deeper than " + MAX_DEPTH + " levels.");
        }
        if (value instanceof CharSequence text) {
            text(text);
        } else if (value instanceof Map<?, ?> entries) {
            object(entries, depth);
        } else if (value instanceof Iterable<?> items) {
            array(items.iterator(), depth);
        } else if (value != null && value.getClass().isArray()) {
            array(IntStream.range(0, Array.getLength(value)).mapToObj(i -> Array.get(value, i)).iterator(), depth);
        } else {
            out.append(scalar(value));
        }
    }

    private static String scalar(Object value) {
        if (value == null || value instanceof Boolean || value instanceof BigInteger) {
            return String.valueOf(value);
        }
        if (value instanceof Double || value instanceof Float) {
            double number = ((Number) value).doubleValue();
            if (!Double.isFinite(number)) {
                throw new IllegalArgumentException("JSON has no " + number + ".");
            }
            return Double.toString(number);
        }
        if (List.of(Long.class, Integer.class, Short.class, Byte.class).contains(value.getClass())) {
            return value.toString();
        }
        throw new IllegalArgumentException("JSON cannot hold a " + value.getClass().getName() + ".");
    }

    private void array(Iterator<?> items, int depth) {
        String separator = "";
        out.append('[');
        while (items.hasNext()) {
            out.append(separator);
            value(items.next(), depth + 1);
            separator = ",";
        }
        out.append(']');
    }

    private void object(Map<?, ?> entries, int depth) {
        String separator = "";
        out.append('{');
        for (Map.Entry<?, ?> entry : entries.entrySet()) {
            if (!(entry.getKey() instanceof CharSequence key)) {
                throw new IllegalArgumentException("a key of an object must be text, not " + entry.getKey() + ".");
            }
            out.append(separator);
            text(key);
            out.append(':');
            value(entry.getValue(), depth + 1);
            separator = ",";
        }
        out.append('}');
    }

    private void text(CharSequence text) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char unit = text.charAt(i);
            boolean pair = Character.isHighSurrogate(unit)
                    && i + 1 < text.length()
                    && Character.isLowSurrogate(text.charAt(i + 1));
            if (pair) {
                out.append(unit).append(text.charAt(++i));
            } else if (unit == '"' || unit == '\\') {
                out.append('\\').append(unit);
            } else if (unit < ' ' || Character.isSurrogate(unit)) {
                out.append(String.format("\\u%04x", (int) unit));
            } else {
                out.append(unit);
            }
        }
        out.append('"');
    }
}
