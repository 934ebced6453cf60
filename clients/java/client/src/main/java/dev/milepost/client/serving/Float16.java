package dev.milepost.client.serving;

/** Floating-point numbers of 16 bits, for which Java has no type. */
final class Float16 {
    private static final int INFINITY = 0x7C00;
    private static final int FLOAT_INFINITY = 0x7F800000;
    private static final int QUIET = 0x0200;
    /** The least float that is rounded to infinity: 65520. */
    private static final int OVERFLOW = 0x477FF000;
    /** The least float that is no subnormal number of 16 bits: 2^-14. */
    private static final int LEAST_NORMAL = 0x38800000;

    private Float16() {}

    /** The number as a float, exactly; NaN keeps its payload. */
    static float toFloat(short bits) {
        int sign = (bits & 0x8000) << 16;
        int rest = bits & 0x7FFF;
        if (rest >= INFINITY) {
            return Float.intBitsToFloat(sign | FLOAT_INFINITY | (rest & 0x03FF) << 13);
        }
        if (rest < 0x0400) {
            float subnormal = rest * 0x1p-24f;
            return sign == 0 ? subnormal : -subnormal;
        }
        return Float.intBitsToFloat(sign | (rest << 13) + 0x38000000);
    }

    /** The nearest number, that with an even last bit of two. NaN keeps the upper part of its payload. */
    static short fromFloat(float value) {
        int bits = Float.floatToRawIntBits(value);
        int sign = bits >>> 16 & 0x8000;
        int rest = bits & 0x7FFFFFFF;
        if (rest > FLOAT_INFINITY) {
            int payload = rest >>> 13 & 0x03FF;
            return (short) (sign | INFINITY | (payload == 0 ? QUIET : payload));
        }
        if (rest >= OVERFLOW) {
            return (short) (sign | INFINITY);
        }
        if (rest < LEAST_NORMAL) {
            // Multiples of 2^-24; the product is exact, and rint rounds as is wanted.
            return (short) (sign | (int) Math.rint(Math.abs((double) value) * 0x1p24));
        }
        int rounded = rest + 0x0FFF + (rest >>> 13 & 1);
        return (short) (sign | rounded - 0x38000000 >>> 13);
    }
}
