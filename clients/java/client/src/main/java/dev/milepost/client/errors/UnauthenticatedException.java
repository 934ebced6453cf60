package dev.milepost.client.errors;

/** The call carries no credentials that the server accepts. */
public final class UnauthenticatedException extends MilepostException {
    private static final long serialVersionUID = 1L;

    UnauthenticatedException(Failure failure) {
        super(failure);
    }
}
