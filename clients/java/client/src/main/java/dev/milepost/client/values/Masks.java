package dev.milepost.client.values;

import com.google.protobuf.FieldMask;
import java.util.List;

/** Names of fields, to read or to change. */
public final class Masks {
    private Masks() {}

    /**
     * {@return a mask of these fields}
     *
     * @param fields their names in the proto
     */
    public static FieldMask of(String... fields) {
        return FieldMask.newBuilder().addAllPaths(List.of(fields)).build();
    }

    /**
     * {@return a mask that names further fields, each once}
     *
     * @param mask the fields so far
     * @param fields more, some of which it may name already
     */
    public static FieldMask with(FieldMask mask, String... fields) {
        FieldMask.Builder more = mask.toBuilder();
        for (String field : fields) {
            if (!more.getPathsList().contains(field)) {
                more.addPaths(field);
            }
        }
        return more.build();
    }
}
