package dev.milepost.client.tracking;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads JSON (RFC 8259): objects as maps, in which the last of equal keys counts, arrays as lists, whole numbers as
 * Long or BigInteger, others as Double.
 */
final class JsonReader {
    private static final Pattern NUMBER = Pattern.compile("-?(?:0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?");
    private static final Map<String, Object> NAMES = names();

    private final String text;
    private int at;

    private JsonReader(String text) {
        this.text = text;
    }

    static Object read(String text) {
        JsonReader reader = new JsonReader(text);
        Object value = reader.value(0);
        reader.space();
        if (reader.at < text.length()) {
            throw reader.wrong("the end");
        }
        return value;
    }

    private static Map<String, Object> names() {
        Map<String, Object> names = new LinkedHashMap<>();
        names.put("true", true);
        names.put("false", false);
        names.put("null", null);
        return names;
    }

    private Object value(int depth) {
        if (depth > JsonWriter.MAX_DEPTH) {
            throw new IllegalArgumentException("JSON: it is nested deeper than " + JsonWriter.MAX_DEPTH + " levels.");
        }
        space();
        if (take('{')) {
            return object(depth);
        }
        if (take('[')) {
            return array(depth);
        }
        if (take('"')) {
            return string();
        }
        for (Map.Entry<String, Object> name : NAMES.entrySet()) {
            if (text.startsWith(name.getKey(), at)) {
                at += name.getKey().length();
                return name.getValue();
            }
        }
        return number();
    }

    private Map<String, Object> object(int depth) {
        Map<String, Object> entries = new LinkedHashMap<>();
        space();
        if (take('}')) {
            return entries;
        }
        do {
            space();
            expect('"');
            String key = string();
            space();
            expect(':');
            entries.put(key, value(depth + 1));
            space();
        } while (take(','));
        expect('}');
        return Collections.unmodifiableMap(entries);
    }

    private List<Object> array(int depth) {
        List<Object> items = new ArrayList<>();
        space();
        if (take(']')) {
            return items;
        }
        do {
            items.add(value(depth + 1));
            space();
        } while (take(','));
        expect(']');
        return Collections.unmodifiableList(items);
    }

    private Object number() {
        Matcher number = NUMBER.matcher(text).region(at, text.length());
        if (!number.lookingAt()) {
            throw wrong("a value");
        }
        at = number.end();
        if (number.group(1) != null || number.group(2) != null) {
            return Double.parseDouble(number.group());
        }
        BigInteger whole = new BigInteger(number.group());
        if (whole.bitLength() < Long.SIZE) {
            return whole.longValue();
        }
        return whole;
    }

    private String string() {
        StringBuilder read = new StringBuilder();
        while (at < text.length()) {
            char unit = text.charAt(at++);
            if (unit == '"') {
                return read.toString();
            }
            if (unit < ' ') {
                at--;
                break;
            }
            read.append(unit == '\\' ? escaped() : unit);
        }
        throw wrong("the end of a string");
    }

    private char escaped() {
        char name = at < text.length() ? text.charAt(at++) : 0;
        return switch (name) {
            case '"', '\\', '/' -> name;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> unit();
            default -> throw wrong("an escape");
        };
    }

    private char unit() {
        int code = 0;
        for (int i = 0; i < 4; i++) {
            int digit = at < text.length() ? Character.digit(text.charAt(at), 16) : -1;
            if (digit < 0 || text.charAt(at) > 'f') {
                throw wrong("four hexadecimal digits");
            }
            code = 16 * code + digit;
            at++;
        }
        return (char) code;
    }

    private void space() {
        while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private boolean take(char wanted) {
        boolean there = at < text.length() && text.charAt(at) == wanted;
        if (there) {
            at++;
        }
        return there;
    }

    private void expect(char wanted) {
        if (!take(wanted)) {
            throw wrong("'" + wanted + "'");
        }
    }

    private IllegalArgumentException wrong(String expected) {
        return new IllegalArgumentException("JSON: " + expected + " is missing at character " + (at + 1) + ".");
    }
}
