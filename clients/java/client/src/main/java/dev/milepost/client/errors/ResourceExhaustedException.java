package dev.milepost.client.errors;

/** A limit of the server was reached, such as the size of a message. */
public final class ResourceExhaustedException extends MilepostException {
    private static final long serialVersionUID = 1L;

    ResourceExhaustedException(Failure failure) {
        super(failure);
    }
}
