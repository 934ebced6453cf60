package dev.milepost.client.values;

import com.google.protobuf.Timestamp;
import java.time.Instant;

/** Moments in the form of protos and in that of Java; both count nanoseconds. */
public final class Times {
    private Times() {}

    /**
     * {@return the proto form of a moment}
     *
     * @param moment any
     */
    public static Timestamp timestamp(Instant moment) {
        return Timestamp.newBuilder()
                .setSeconds(moment.getEpochSecond())
                .setNanos(moment.getNano())
                .build();
    }

    /**
     * {@return the moment of a proto}
     *
     * @param stamp its proto form; 1970 when it is not set
     */
    public static Instant instant(Timestamp stamp) {
        return Instant.ofEpochSecond(stamp.getSeconds(), stamp.getNanos());
    }
}
