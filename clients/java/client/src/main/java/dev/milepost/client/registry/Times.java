package dev.milepost.client.registry;

import com.google.protobuf.Timestamp;
import java.time.Instant;

/** Moments of protos. */
final class Times {
    private Times() {}

    static Instant instant(Timestamp stamp) {
        return Instant.ofEpochSecond(stamp.getSeconds(), stamp.getNanos());
    }
}
