package dev.milepost.client.tracking;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.milepost.client.support.TestServer;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A run as lines of text, the same as of {@code tracking_interop.py}: {@code metric KEY STEP TIME BITS} for each point
 * in order, {@code param KEY KIND VALUE}, {@code tag KEY VALUE}. Texts are UTF-8 in hexadecimal digits, doubles their
 * bits.
 */
final class Interop {
    private static final String PYTHON = System.getProperty("milepost.python", "../../../.venv/bin/python");
    private static final HexFormat HEX = HexFormat.of();

    static final List<String> KEYS = List.of(
            "loss", " ", "train/verlust größe", "損失", "😀/🧪", "e\u0301", "é", "\"quoted\" 'key'\\", "𝒳".repeat(500));
    static final double[] VALUES = Arrays.stream(new long[] {
                0x7ff8000000000000L, // the NaN that Java makes
                0x7ff8000000000001L,
                0xfff8dead0000beefL,
                0x7ff0000000000001L, // signalling
                0xffffffffffffffffL,
                0x7ff0000000000000L, // infinities
                0xfff0000000000000L,
                0x8000000000000000L, // -0.0
                0x0000000000000000L,
                0x0000000000000001L, // subnormals
                0x800fffffffffffffL,
                0x7fefffffffffffffL, // the greatest
                0x3fb999999999999aL
            })
            .mapToDouble(Double::longBitsToDouble)
            .toArray();
    static final long[] INTEGERS = {Long.MIN_VALUE, Long.MAX_VALUE, -1, 0, 1, (1L << 53) + 1, 1_700_000_000_000L};

    private Interop() {}

    static Map<String, Object> params() {
        Map<String, Object> params = new LinkedHashMap<>();
        for (double value : VALUES) {
            params.put("double " + Long.toHexString(Double.doubleToRawLongBits(value)), value);
        }
        for (long value : INTEGERS) {
            params.put("int " + value, value);
        }
        KEYS.forEach(key -> params.put(key, key));
        params.put("empty", "");
        params.put("yes", true);
        params.put("no", false);
        return params;
    }

    /** What cannot be compared as text, since two clients may write one document in two ways. */
    static Map<String, Object> documents() {
        Map<String, Object> entries = new LinkedHashMap<>();
        entries.put("größe😀\n", Arrays.asList(Long.MIN_VALUE, 0.1, -0.0, null, true, "\"\\\u0000"));
        Map<String, Object> params = new LinkedHashMap<>();
        params.put("map", entries);
        params.put("none", null);
        params.put("list", List.of());
        return params;
    }

    static Map<String, String> tags() {
        Map<String, String> tags = new LinkedHashMap<>();
        KEYS.stream().filter(key -> key.length() < 250).forEach(key -> tags.put(key, key + "\n\u0001"));
        return tags;
    }

    static String metric(String key, long step, long timestampMs, double value) {
        return String.join(" ", "metric", hex(key), "" + step, "" + timestampMs, bits(value));
    }

    static String param(String key, Object value) {
        if (value instanceof Double number) {
            return String.join(" ", "param", hex(key), "double", bits(number));
        }
        if (value instanceof String text) {
            return String.join(" ", "param", hex(key), "string", hex(text));
        }
        return String.join(" ", "param", hex(key), value instanceof Long ? "int" : "bool", "" + value);
    }

    static String tag(String key, String value) {
        return String.join(" ", "tag", hex(key), hex(value));
    }

    /** The lines of what every test logs. */
    static List<String> expected() {
        List<String> lines = new ArrayList<>();
        for (String key : KEYS) {
            for (int i = 0; i < VALUES.length; i++) {
                lines.add(metric(key, step(i), time(i), VALUES[i]));
            }
        }
        params().forEach((key, value) -> lines.add(param(key, value)));
        tags().forEach((key, value) -> lines.add(tag(key, value)));
        return byKey(lines);
    }

    static long step(int i) {
        return INTEGERS[i % INTEGERS.length];
    }

    static long time(int i) {
        return INTEGERS[(i + 3) % INTEGERS.length];
    }

    /** In the order of their keys; the points of a metric stay in their order. */
    static List<String> byKey(List<String> lines) {
        return lines.stream()
                .sorted(Comparator.comparing(line -> line.substring(0, line.indexOf(' ', line.indexOf(' ') + 1))))
                .toList();
    }

    /** What the script prints to the shared server's data, given lines. */
    static List<String> python(List<String> input, String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(PYTHON, "src/test/python/tracking_interop.py"));
        command.add(TestServer.shared().address());
        command.addAll(List.of(arguments));
        Process python = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (OutputStream lines = python.getOutputStream()) {
            lines.write(String.join("\n", input).getBytes(StandardCharsets.US_ASCII));
        }
        String output = new String(python.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
        assertEquals(0, python.waitFor(), "the script failed");
        return output.lines().toList();
    }

    private static String bits(double value) {
        return HEX.toHexDigits(Double.doubleToRawLongBits(value));
    }

    private static String hex(String text) {
        return HEX.formatHex(text.getBytes(StandardCharsets.UTF_8));
    }
}
