package dev.milepost.client.artifacts;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** Makes digests. */
final class Digests {
    private Digests() {}

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("Every Java has SHA-256.", impossible);
        }
    }
}
