package dev.milepost.client.tracking;

import com.google.protobuf.Timestamp;
import java.time.Instant;

/** Moments in the form of protos and in that of Java; both count nanoseconds. */
final class Times {
    private Times() {}

    static Timestamp timestamp(Instant moment) {
        return Timestamp.newBuilder()
                .setSeconds(moment.getEpochSecond())
                .setNanos(moment.getNano())
                .build();
    }

    static Instant instant(Timestamp stamp) {
        return Instant.ofEpochSecond(stamp.getSeconds(), stamp.getNanos());
    }
}
