package dev.milepost.client.errors;

/** The request is wrong; {@link #violations} names fields. Repeating it does not help. */
public final class InvalidArgumentException extends MilepostException {
    private static final long serialVersionUID = 1L;

    InvalidArgumentException(Failure failure) {
        super(failure);
    }
}
