package dev.milepost.client.serving;

import com.google.protobuf.ListValue;
import com.google.protobuf.NullValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import java.lang.reflect.Array;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Java's values as JSON's, in which rows and params travel, and back. */
final class Values {
    private static final long MOST_EXACT = 1L << 53;

    private Values() {}

    /** Throws {@link IllegalArgumentException} for what has no exact form in JSON, which names the field. */
    static ListValue list(Collection<?> items, String field) {
        ListValue.Builder list = ListValue.newBuilder();
        for (Object item : items) {
            list.addValues(value(item, field));
        }
        return list.build();
    }

    static Struct struct(Map<?, ?> items, String field) {
        Struct.Builder struct = Struct.newBuilder();
        items.forEach((key, item) -> {
            if (!(key instanceof String name)) {
                throw unsendable(field, "a key that is no text");
            }
            struct.putFields(checkText(name, field), value(item, field + "." + name));
        });
        return struct.build();
    }

    static Value value(Object item, String field) {
        Value.Builder value = Value.newBuilder();
        if (item == null) {
            return value.setNullValue(NullValue.NULL_VALUE).build();
        }
        if (item instanceof String || item instanceof Character) {
            return value.setStringValue(checkText(item.toString(), field)).build();
        }
        if (item instanceof Boolean truth) {
            return value.setBoolValue(truth).build();
        }
        if (item instanceof Number number) {
            return value.setNumberValue(number(number, field)).build();
        }
        if (item instanceof Map<?, ?> map) {
            return value.setStructValue(struct(map, field)).build();
        }
        if (item instanceof Collection<?> items) {
            return value.setListValue(list(items, field)).build();
        }
        if (item.getClass().isArray() && !(item instanceof byte[])) {
            return value.setListValue(list(elements(item), field)).build();
        }
        throw unsendable(field, "a " + item.getClass().getSimpleName() + ", which JSON lacks; send tensors or Arrow");
    }

    /** The items; null where the list has null, and a {@link Double} for each number. */
    static List<Object> plain(ListValue list) {
        List<Object> items = new ArrayList<>(list.getValuesCount());
        for (Value value : list.getValuesList()) {
            items.add(plain(value));
        }
        return Collections.unmodifiableList(items);
    }

    /** Whether it is one of Java's integers, which have up to 64 bits. */
    static boolean isInteger(Object item) {
        return item instanceof Long || item instanceof Integer || item instanceof Short || item instanceof Byte;
    }

    /** The text, when it has a form in UTF-8. */
    static String checkText(String text, String field) {
        for (int at = 0; at < text.length(); at++) {
            char unit = text.charAt(at);
            if (Character.isSurrogate(unit)) {
                boolean paired = Character.isHighSurrogate(unit)
                        && at + 1 < text.length()
                        && Character.isLowSurrogate(text.charAt(at + 1));
                if (!paired) {
                    throw unsendable(field, "half of a surrogate pair, which is no text");
                }
                at++;
            }
        }
        return text;
    }

    private static Object plain(Value value) {
        return switch (value.getKindCase()) {
            case NUMBER_VALUE -> value.getNumberValue();
            case STRING_VALUE -> value.getStringValue();
            case BOOL_VALUE -> value.getBoolValue();
            case LIST_VALUE -> plain(value.getListValue());
            case STRUCT_VALUE -> {
                Map<String, Object> members = new LinkedHashMap<>();
                value.getStructValue().getFieldsMap().forEach((name, member) -> members.put(name, plain(member)));
                yield Collections.unmodifiableMap(members);
            }
            case NULL_VALUE, KIND_NOT_SET -> null;
        };
    }

    private static double number(Number number, String field) {
        if (number instanceof Double || number instanceof Float) {
            return number.doubleValue();
        }
        if (isInteger(number)) {
            long exact = number.longValue();
            if (exact > MOST_EXACT || exact < -MOST_EXACT) {
                throw unsendable(field, "an integer beyond 2^53, which is no exact double; send tensors or Arrow");
            }
            return exact;
        }
        throw unsendable(field, "a " + number.getClass().getSimpleName() + ", which JSON has no exact form for");
    }

    private static List<Object> elements(Object array) {
        int length = Array.getLength(array);
        List<Object> found = new ArrayList<>(length);
        for (int at = 0; at < length; at++) {
            found.add(Array.get(array, at));
        }
        return found;
    }

    private static IllegalArgumentException unsendable(String field, String what) {
        return new IllegalArgumentException(field + " has " + what + ".");
    }
}
