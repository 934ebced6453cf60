package dev.milepost.client.errors;

/** The server, or something it needs, does not answer now. */
public final class UnavailableException extends MilepostException {
    private static final long serialVersionUID = 1L;

    UnavailableException(Failure failure) {
        super(failure);
    }
}
