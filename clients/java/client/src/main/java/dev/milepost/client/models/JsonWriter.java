package dev.milepost.client.models;

import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * Writes {@link Plain} values as JSON that YAML 1.1 reads as the same: no pairs of escapes for one character, and
 * exponents with a sign.
 */
final class JsonWriter {
    private final StringBuilder text = new StringBuilder();
    private final boolean document;

    private JsonWriter(boolean document) {
        this.document = document;
    }

    /** On one line, keys in their order. */
    static String line(Object value) {
        return new JsonWriter(false).write(value, 0).text.toString();
    }

    /** For people too: indented, keys sorted, so that equal values give equal texts. */
    static String document(Object value) {
        return new JsonWriter(true).write(value, 0).text.append('\n').toString();
    }

    private JsonWriter write(Object value, int depth) {
        if (value instanceof String string) {
            quote(string);
        } else if (value instanceof Double number) {
            text.append(number.toString().replaceFirst("E(?=\\d)", "E+"));
        } else if (value instanceof List<?> items) {
            items(items.iterator(), '[', ']', depth, item -> write(item, depth + 1));
        } else if (value instanceof Map<?, ?> map) {
            Map<?, ?> ordered = document ? new TreeMap<>(map) : map;
            items(ordered.entrySet().iterator(), '{', '}', depth, entry -> {
                quote((String) entry.getKey());
                text.append(": ");
                write(entry.getValue(), depth + 1);
            });
        } else {
            text.append(value);
        }
        return this;
    }

    private <T> void items(Iterator<T> items, char open, char close, int depth, Consumer<T> writeItem) {
        text.append(open);
        boolean any = items.hasNext();
        while (items.hasNext()) {
            breakLine(depth + 1);
            writeItem.accept(items.next());
            if (items.hasNext()) {
                text.append(document ? "," : ", ");
            }
        }
        if (any) {
            breakLine(depth);
        }
        text.append(close);
    }

    private void breakLine(int depth) {
        if (document) {
            text.append('\n').append("  ".repeat(depth));
        }
    }

    private void quote(String string) {
        text.append('"');
        string.codePoints().forEach(point -> {
            if (point == '"' || point == '\\') {
                text.append('\\').append((char) point);
            } else if (point < 0x20 || (point >= 0x7f && point <= 0xa0) || isSpecialInYaml(point)) {
                text.append(String.format("\\u%04x", point));
            } else {
                text.appendCodePoint(point);
            }
        });
        text.append('"');
    }

    private static boolean isSpecialInYaml(int point) {
        return point == 0x2028 || point == 0x2029 || point == 0xfeff || point == 0xfffe || point == 0xffff;
    }
}
