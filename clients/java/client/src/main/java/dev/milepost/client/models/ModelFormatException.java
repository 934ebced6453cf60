package dev.milepost.client.models;

/** A folder is no model that can be read here; the message names the file and the key at fault. */
public class ModelFormatException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * With what is wrong.
     *
     * @param message for people
     */
    public ModelFormatException(String message) {
        super(message);
    }
}
