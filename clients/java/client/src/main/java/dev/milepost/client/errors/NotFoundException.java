package dev.milepost.client.errors;

/** What the request names does not exist. */
public final class NotFoundException extends MilepostException {
    private static final long serialVersionUID = 1L;

    NotFoundException(Failure failure) {
        super(failure);
    }
}
