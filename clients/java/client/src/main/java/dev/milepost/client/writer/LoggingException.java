package dev.milepost.client.writer;

/**
 * Something that a strict writer was given is not stored. The message says what, with an example for each reason; the
 * cause is the first error.
 */
public final class LoggingException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    LoggingException(String message, Throwable cause) {
        super(message, cause);
    }
}
