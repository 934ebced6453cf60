package dev.milepost.client.serving;

import java.lang.reflect.Array;
import java.util.Arrays;

/** Shapes of tensors. */
final class Shapes {
    private static final int MOST_DIMENSIONS = 32;

    private Shapes() {}

    /** How many elements there are. */
    static long count(long[] shape) {
        if (shape.length > MOST_DIMENSIONS) {
            throw new IllegalArgumentException(
                    "shape: there are " + shape.length + " dimensions; at most " + MOST_DIMENSIONS + " are allowed.");
        }
        long count = 1;
        try {
            for (long each : shape) {
                if (each < 0) {
                    throw new IllegalArgumentException("shape: " + Arrays.toString(shape) + " has a negative size.");
                }
                count = Math.multiplyExact(count, each);
            }
        } catch (ArithmeticException overflow) {
            throw new IllegalArgumentException("shape: " + Arrays.toString(shape) + " is too large.", overflow);
        }
        return count;
    }

    static long[] line(int length) {
        return new long[] {length};
    }

    /** The shape of arrays in an array. */
    static long[] table(Object[] rows) {
        int width = rows.length == 0 ? 0 : Array.getLength(rows[0]);
        for (int row = 1; row < rows.length; row++) {
            int found = Array.getLength(rows[row]);
            if (found != width) {
                throw new IllegalArgumentException(
                        "rows: row " + row + " has " + found + " elements, and row 0 has " + width + ".");
            }
        }
        return new long[] {rows.length, width};
    }
}
