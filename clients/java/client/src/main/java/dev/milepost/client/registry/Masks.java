package dev.milepost.client.registry;

import com.google.protobuf.FieldMask;
import java.util.List;

/** Names of fields, to read or to change. */
final class Masks {
    private Masks() {}

    /** A mask that names one more field. */
    static FieldMask with(FieldMask mask, String field) {
        return mask.getPathsList().contains(field)
                ? mask
                : mask.toBuilder().addPaths(field).build();
    }

    /** A mask of these fields. */
    static FieldMask of(String... fields) {
        return FieldMask.newBuilder().addAllPaths(List.of(fields)).build();
    }
}
