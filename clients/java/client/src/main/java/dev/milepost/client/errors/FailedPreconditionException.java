package dev.milepost.client.errors;

/** The state of the resource forbids the request until something else is done. */
public final class FailedPreconditionException extends MilepostException {
    private static final long serialVersionUID = 1L;

    FailedPreconditionException(Failure failure) {
        super(failure);
    }
}
