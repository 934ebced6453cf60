package dev.milepost.client.errors;

/** A concurrent call won. Read again and repeat. */
public final class AbortedException extends MilepostException {
    private static final long serialVersionUID = 1L;

    AbortedException(Failure failure) {
        super(failure);
    }
}
