package dev.milepost.client.errors;

/** Stored bytes are damaged, or bytes arrived otherwise than they were stored. */
public final class DataLossException extends MilepostException {
    private static final long serialVersionUID = 1L;

    DataLossException(Failure failure) {
        super(failure);
    }
}
