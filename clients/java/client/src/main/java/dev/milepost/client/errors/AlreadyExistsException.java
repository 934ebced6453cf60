package dev.milepost.client.errors;

/** What the request would create is there, or a param has another value. */
public final class AlreadyExistsException extends MilepostException {
    private static final long serialVersionUID = 1L;

    AlreadyExistsException(Failure failure) {
        super(failure);
    }
}
