package dev.milepost.client.writer;

/** A record of a spool file cannot be read: it was not written to its end, or changed since. */
final class SpoolDamagedException extends Exception {
    private static final long serialVersionUID = 1L;

    SpoolDamagedException(String message) {
        super(message);
    }
}
