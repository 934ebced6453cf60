package dev.milepost.client.errors;

/** The caller may not do this. */
public final class PermissionDeniedException extends MilepostException {
    private static final long serialVersionUID = 1L;

    PermissionDeniedException(Failure failure) {
        super(failure);
    }
}
