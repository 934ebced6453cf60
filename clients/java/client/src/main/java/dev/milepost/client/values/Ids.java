package dev.milepost.client.values;

import java.util.UUID;

/** Makes ids that nobody else has. */
public final class Ids {
    private Ids() {}

    /** {@return 32 hexadecimal digits, of which 122 bits are random} */
    public static String random() {
        return UUID.randomUUID().toString().replace("-", "");
    }
}
