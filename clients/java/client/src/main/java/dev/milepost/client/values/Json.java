package dev.milepost.client.values;

import com.google.gson.FormattingStyle;

/**
 * JSON (RFC 8259) as plain values, exact in both directions: null, Boolean, String, Long, BigInteger for whole numbers
 * that Long does not hold, Double for other numbers, List, and Map in the order of its keys.
 */
public final class Json {
    /** How deep lists and maps may be in each other, for reading and for writing. */
    public static final int MAX_DEPTH = 500;

    private Json() {}

    /**
     * {@return the value of a text; lists and maps that cannot be changed} The last of equal keys counts, as in Python.
     *
     * @param text one value, and nothing after it
     * @throws IllegalArgumentException when it is something else, has a number of more than 1,000 digits, or nests
     *     deeper than {@link #MAX_DEPTH}; the message says where
     */
    public static Object read(String text) {
        return JsonParser.parse(text, false);
    }

    /**
     * {@return as {@link #read}, of a document in which equal keys can only be a mistake}
     *
     * @param text one value, and nothing after it
     * @throws IllegalArgumentException as of {@link #read}, and when an object has a key twice
     */
    public static Object readUnambiguous(String text) {
        return JsonParser.parse(text, true);
    }

    /**
     * {@return the text of a value, without spaces}
     *
     * <p>Beside the plain values it takes other CharSequences, Byte, Short, Integer, Float, BigDecimal, Iterables and
     * arrays.
     *
     * @param value may be null
     * @throws IllegalArgumentException when it holds NaN or an infinity, a key that is no text, or an object of another
     *     class, or nests deeper than {@link #MAX_DEPTH}, as what holds itself does
     */
    public static String write(Object value) {
        return JsonPrinter.print(value, FormattingStyle.COMPACT, false);
    }

    /**
     * {@return the text of a value for people too: on several lines, with keys sorted, so that equal values give equal
     * texts} YAML 1.1 reads it as the same value, unless there is a BigDecimal in it.
     *
     * @param value as of {@link #write}
     * @throws IllegalArgumentException as of {@link #write}
     */
    public static String document(Object value) {
        return JsonPrinter.print(value, FormattingStyle.PRETTY, true) + "\n";
    }
}
