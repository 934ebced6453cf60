package dev.milepost.client.serving;

/**
 * How a {@link PredictionStream} asks. Immutable.
 *
 * @param version a version that is loaded; 0 for the one that traffic goes to
 * @param maxInFlight requests without an answer, 1 to 1,024, beyond which {@link PredictionStream#submit} waits
 */
public record StreamOptions(long version, int maxInFlight) {
    /** Requests without an answer beyond which the server reads no further. */
    public static final int MOST_IN_FLIGHT = 1024;

    /** Checks the options. Throws {@link IllegalArgumentException} for a number that is not in its range. */
    public StreamOptions {
        if (version < 0) {
            throw new IllegalArgumentException("version: " + version + " is below 0.");
        }
        if (maxInFlight < 1 || maxInFlight > MOST_IN_FLIGHT) {
            throw new IllegalArgumentException(
                    "maxInFlight: " + maxInFlight + " is not between 1 and " + MOST_IN_FLIGHT + ".");
        }
    }

    /** {@return the live version, and as many in flight as the server reads} */
    public static StreamOptions defaults() {
        return new StreamOptions(0, MOST_IN_FLIGHT);
    }

    /**
     * {@return the same with another version}
     *
     * @param wanted a version that is loaded; 0 for the live one
     */
    public StreamOptions version(long wanted) {
        return new StreamOptions(wanted, maxInFlight);
    }

    /**
     * {@return the same with another bound}
     *
     * @param most requests without an answer, 1 to 1,024
     */
    public StreamOptions maxInFlight(int most) {
        return new StreamOptions(version, most);
    }
}
