package dev.milepost.client.errors;

/** The range begins past the end of the artifact. */
public final class OutOfRangeException extends MilepostException {
    private static final long serialVersionUID = 1L;

    OutOfRangeException(Failure failure) {
        super(failure);
    }
}
