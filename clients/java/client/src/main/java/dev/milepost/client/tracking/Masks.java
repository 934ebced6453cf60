package dev.milepost.client.tracking;

import com.google.protobuf.FieldMask;
import java.util.List;

/** Names of fields, to read or to change. */
final class Masks {
    private Masks() {}

    static FieldMask of(String... fields) {
        return FieldMask.newBuilder().addAllPaths(List.of(fields)).build();
    }

    /** A mask that names further fields, each once. */
    static FieldMask with(FieldMask mask, String... fields) {
        FieldMask.Builder more = mask.toBuilder();
        for (String field : fields) {
            if (!more.getPathsList().contains(field)) {
                more.addPaths(field);
            }
        }
        return more.build();
    }
}
