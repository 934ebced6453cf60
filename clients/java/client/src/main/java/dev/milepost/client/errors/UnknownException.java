package dev.milepost.client.errors;

/** The other end failed without saying how, or a served model raised an error ({@code MODEL_FAILED}). */
public final class UnknownException extends MilepostException {
    private static final long serialVersionUID = 1L;

    UnknownException(Failure failure) {
        super(failure);
    }
}
