package dev.milepost.client.tracking;

import dev.milepost.client.values.Json;
import dev.milepost.v1.ParamValue;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Params as Java objects. Nothing is rounded or cut: int64 and doubles stay what they are, NaN with its payload.
 *
 * <table>
 * <caption>Kinds of params</caption>
 * <tr><th>Java, written</th><th>kind</th><th>Java, read</th></tr>
 * <tr><td>String and other CharSequences</td><td>string</td><td>String</td></tr>
 * <tr><td>Boolean</td><td>bool</td><td>Boolean</td></tr>
 * <tr><td>Byte, Short, Integer, Long, BigInteger of 64 bits</td><td>int64</td><td>Long</td></tr>
 * <tr><td>Float, Double</td><td>double</td><td>Double</td></tr>
 * <tr><td>null, and lists, arrays and maps of all these and of BigDecimal</td><td>JSON</td>
 * <td>null, List, Map; in them String, Boolean, Long, BigInteger and Double</td></tr>
 * </table>
 */
public final class ParamValues {
    private ParamValues() {}

    /**
     * {@return the param for an object}
     *
     * @param value as in the table above; may be null. A {@link ParamValue} is taken as it is.
     * @throws IllegalArgumentException when it is of another class, an integer outside 64 bits, text that is no Unicode
     *     (half a surrogate pair), or holds what JSON cannot: NaN, infinities, keys that are no text
     */
    public static ParamValue of(Object value) {
        if (value instanceof ParamValue made) {
            return made;
        }
        ParamValue.Builder param = ParamValue.newBuilder();
        if (value instanceof CharSequence text) {
            return param.setStringValue(unicode(text.toString())).build();
        }
        if (value instanceof Boolean truth) {
            return param.setBoolValue(truth).build();
        }
        if (value instanceof Double || value instanceof Float) {
            return param.setDoubleValue(((Number) value).doubleValue()).build();
        }
        if (value instanceof Long || value instanceof Integer || value instanceof Short || value instanceof Byte) {
            return param.setIntValue(((Number) value).longValue()).build();
        }
        if (value instanceof BigInteger number) {
            return param.setIntValue(int64(number)).build();
        }
        if (value == null || value instanceof Iterable || value instanceof Map || value.getClass().isArray()) {
            return param.setJsonValue(Json.write(value)).build();
        }
        throw new IllegalArgumentException("a " + value.getClass().getName() + " is no param value. Give a String, "
                + "Boolean, integer, float, null, or a list or map of these, or convert it with String.valueOf.");
    }

    /**
     * {@return the object of a param; null for the JSON document {@code null}, and for a kind that is younger than this
     * client}
     *
     * @param param the param
     * @throws IllegalArgumentException when it holds JSON that cannot be read: its text is none, has a key twice, or
     *     nests deeper than 100 levels
     */
    public static Object toObject(ParamValue param) {
        return switch (param.getKindCase()) {
            case STRING_VALUE -> param.getStringValue();
            case INT_VALUE -> param.getIntValue();
            case DOUBLE_VALUE -> param.getDoubleValue();
            case BOOL_VALUE -> param.getBoolValue();
            case JSON_VALUE -> Json.read(param.getJsonValue());
            case KIND_NOT_SET -> null;
        };
    }

    /**
     * {@return the param for an object}
     *
     * @param key named in what is thrown
     * @param value as of {@link #of(Object)}
     * @throws IllegalArgumentException as of {@link #of(Object)}
     */
    public static ParamValue of(String key, Object value) {
        try {
            return of(value);
        } catch (IllegalArgumentException error) {
            throw new IllegalArgumentException("param '" + key + "': " + error.getMessage(), error);
        }
    }

    /**
     * {@return the params for objects}
     *
     * @param params values by key
     * @throws IllegalArgumentException that names the key, as of {@link #of(Object)}
     */
    public static Map<String, ParamValue> of(Map<String, ?> params) {
        Map<String, ParamValue> made = new LinkedHashMap<>();
        params.forEach((key, value) -> made.put(key, of(key, value)));
        return made;
    }

    /**
     * {@return the objects of params by key, as {@link #toObject} makes them}
     *
     * @param params by key
     * @throws IllegalArgumentException when one holds JSON that cannot be read
     */
    public static Map<String, Object> toObjects(Map<String, ParamValue> params) {
        Map<String, Object> made = new LinkedHashMap<>();
        params.forEach((key, value) -> made.put(key, toObject(value)));
        return Collections.unmodifiableMap(made);
    }

    /** Protobuf would send a question mark in place of half a pair. */
    private static String unicode(String text) {
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
            throw new IllegalArgumentException("the text has half a surrogate pair, so that it is no Unicode.");
        }
        return text;
    }

    private static long int64(BigInteger number) {
        if (number.bitLength() >= Long.SIZE) {
            throw new IllegalArgumentException(number + " does not fit into 64 bits. Log it as text: toString().");
        }
        return number.longValue();
    }
}
