package dev.milepost.client.errors;

/** The server does not know the method; it is probably older than this client. */
public final class UnimplementedException extends MilepostException {
    private static final long serialVersionUID = 1L;

    UnimplementedException(Failure failure) {
        super(failure);
    }
}
