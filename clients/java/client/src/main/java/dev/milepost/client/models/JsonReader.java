package dev.milepost.client.models;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads JSON as {@link Plain} values. */
final class JsonReader {
    private static final int MAX_DEPTH = 100;
    private static final int MAX_NUMBER = 400;
    private static final Pattern NUMBER = Pattern.compile("-?(?:0|[1-9]\\d*)(\\.\\d+)?([eE][+-]?\\d+)?");
    private static final Map<String, Object> WORDS = new LinkedHashMap<>();

    static {
        WORDS.put("true", true);
        WORDS.put("false", false);
        WORDS.put("null", null);
    }

    private final String text;
    private final String where;
    private int at;

    private JsonReader(String text, String where) {
        this.text = text;
        this.where = where;
    }

    /**
     * The value of a text.
     *
     * @throws ModelFormatException when it is no JSON; the message begins with {@code where}
     */
    static Object read(String text, String where) {
        JsonReader reader = new JsonReader(text, where);
        Object value = reader.value(0);
        reader.next();
        if (reader.at < text.length()) {
            throw reader.wrong("goes on after the value");
        }
        return value;
    }

    private Object value(int depth) {
        if (depth > MAX_DEPTH) {
            throw wrong("nests deeper than " + MAX_DEPTH + " levels");
        }
        switch (next()) {
            case '{':
                return object(depth);
            case '[':
                return array(depth);
            case '"':
                return string();
            default:
                return word();
        }
    }

    private Map<String, Object> object(int depth) {
        Map<String, Object> members = new LinkedHashMap<>();
        at++;
        for (char close = next(); close != '}'; close = separator('}')) {
            if (next() != '"') {
                throw wrong("wants a key in quotes");
            }
            String key = string();
            if (next() != ':') {
                throw wrong("wants a colon");
            }
            at++;
            Object value = value(depth + 1);
            if (members.containsKey(key)) {
                throw wrong("has the key '" + key + "' twice");
            }
            members.put(key, value);
        }
        at++;
        return Collections.unmodifiableMap(members);
    }

    private List<Object> array(int depth) {
        List<Object> items = new ArrayList<>();
        at++;
        for (char close = next(); close != ']'; close = separator(']')) {
            items.add(value(depth + 1));
        }
        at++;
        return Collections.unmodifiableList(items);
    }

    /** The closing bracket, or what begins the next item. */
    private char separator(char close) {
        char found = next();
        if (found == close) {
            return found;
        }
        if (found != ',') {
            throw wrong("wants a comma or '" + close + "'");
        }
        at++;
        if (next() == close) {
            throw wrong("has a comma too many");
        }
        return next();
    }

    private String string() {
        StringBuilder found = new StringBuilder();
        for (at++; ; at++) {
            char one = at < text.length() ? text.charAt(at) : '\0';
            if (one == '"') {
                at++;
                return found.toString();
            }
            if (one < ' ') {
                throw wrong("has a text that does not end, or a control character in one");
            }
            found.append(one == '\\' ? escape() : one);
        }
    }

    private char escape() {
        at++;
        char kind = at < text.length() ? text.charAt(at) : '\0';
        int simple = "\"\\/bfnrt".indexOf(kind);
        if (simple >= 0) {
            return "\"\\/\b\f\n\r\t".charAt(simple);
        }
        if (kind == 'u' && at + 4 < text.length() && text.substring(at + 1, at + 5).matches("[0-9a-fA-F]{4}")) {
            at += 4;
            return (char) Integer.parseInt(text.substring(at - 3, at + 1), 16);
        }
        throw wrong("has an escape that JSON has not");
    }

    private Object word() {
        for (Map.Entry<String, Object> word : WORDS.entrySet()) {
            if (text.startsWith(word.getKey(), at)) {
                at += word.getKey().length();
                return word.getValue();
            }
        }
        Matcher number = NUMBER.matcher(text).region(at, text.length());
        if (!number.lookingAt() || number.end() - at > MAX_NUMBER) {
            throw wrong("has no value that can be read");
        }
        at = number.end();
        if (number.group(1) != null || number.group(2) != null) {
            return Double.valueOf(number.group());
        }
        BigInteger whole = new BigInteger(number.group());
        return whole.bitLength() < Long.SIZE ? (Object) whole.longValue() : whole;
    }

    /** The next character that is no space, without taking it; NUL at the end. */
    private char next() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        return at < text.length() ? text.charAt(at) : '\0';
    }

    private ModelFormatException wrong(String what) {
        return new ModelFormatException(where + " is not JSON: it " + what + ", at character " + (at + 1) + ".");
    }
}
