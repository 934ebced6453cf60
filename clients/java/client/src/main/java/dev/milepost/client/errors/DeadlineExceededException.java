package dev.milepost.client.errors;

/** The call took longer than its timeout. Whether it was carried out is not known. */
public final class DeadlineExceededException extends MilepostException {
    private static final long serialVersionUID = 1L;

    DeadlineExceededException(Failure failure) {
        super(failure);
    }
}
