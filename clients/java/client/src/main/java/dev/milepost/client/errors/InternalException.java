package dev.milepost.client.errors;

/** A defect of the server; its log has the details under the id {@code metadata().get("errorId")}. */
public final class InternalException extends MilepostException {
    private static final long serialVersionUID = 1L;

    InternalException(Failure failure) {
        super(failure);
    }
}
