package dev.milepost.client.values;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.StringReader;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** Makes plain values of what Gson reads, which itself would make a double of each number. */
final class JsonParser {
    private static final Pattern WHOLE = Pattern.compile("-?[0-9]+");
    /** How Gson begins many messages; the switch that it advises is none of our callers'. */
    private static final String ADVICE = "Use JsonReader.setStrictness(Strictness.LENIENT) to accept malformed JSON";

    private final JsonReader reader;
    private final boolean refusesEqualKeys;

    private JsonParser(JsonReader reader, boolean refusesEqualKeys) {
        this.reader = reader;
        this.refusesEqualKeys = refusesEqualKeys;
    }

    static Object parse(String text, boolean refusesEqualKeys) {
        try (JsonReader reader = new JsonReader(new StringReader(text))) {
            reader.setStrictness(Strictness.STRICT);
            reader.setNestingLimit(Json.MAX_DEPTH);
            Object value = new JsonParser(reader, refusesEqualKeys).value();
            if (reader.peek() != JsonToken.END_DOCUMENT) {
                throw new IllegalArgumentException("unreadable JSON: it goes on after the value.");
            }
            return value;
        } catch (IOException error) {
            throw new IllegalArgumentException("unreadable JSON: " + reason(error) + ".", error);
        }
    }

    private Object value() throws IOException {
        JsonToken next = reader.peek();
        switch (next) {
            case BEGIN_OBJECT:
                return object();
            case BEGIN_ARRAY:
                return array();
            case STRING:
                return reader.nextString();
            case NUMBER:
                return number(reader.nextString());
            case BOOLEAN:
                return reader.nextBoolean();
            case NULL:
                reader.nextNull();
                return null;
            default:
                throw new IllegalStateException(next + " is where a value begins.");
        }
    }

    private Map<String, Object> object() throws IOException {
        Map<String, Object> entries = new LinkedHashMap<>();
        reader.beginObject();
        while (reader.hasNext()) {
            String key = reader.nextName();
            if (refusesEqualKeys && entries.containsKey(key)) {
                throw new IllegalArgumentException("unreadable JSON: the key " + reader.getPath() + " is there twice.");
            }
            entries.put(key, value());
        }
        reader.endObject();
        return Collections.unmodifiableMap(entries);
    }

    private List<Object> array() throws IOException {
        List<Object> items = new ArrayList<>();
        reader.beginArray();
        while (reader.hasNext()) {
            items.add(value());
        }
        reader.endArray();
        return Collections.unmodifiableList(items);
    }

    private static Object number(String text) {
        if (!WHOLE.matcher(text).matches()) {
            return Double.valueOf(text);
        }
        BigInteger whole = new BigInteger(text);
        if (whole.bitLength() < Long.SIZE) {
            return whole.longValue();
        }
        return whole;
    }

    /** What Gson says on its first line; the second points to its own manual. */
    private static String reason(IOException error) {
        return error.getMessage().replaceFirst("\n(?s:.*)", "").replace(ADVICE, "malformed");
    }
}
