package dev.milepost.client.errors;

/** The call was cancelled, for example because its client was closed. */
public final class CancelledException extends MilepostException {
    private static final long serialVersionUID = 1L;

    CancelledException(Failure failure) {
        super(failure);
    }
}
