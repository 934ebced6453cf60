package dev.milepost.client.writer;

/** Somebody holds a spool file, or it cannot be told whether somebody does. */
final class SpoolInUseException extends Exception {
    private static final long serialVersionUID = 1L;

    SpoolInUseException(String message) {
        super(message);
    }
}
