package dev.milepost.client.models;

import java.util.List;

/** Files of a model are missing, extra, or not those that were saved. */
public final class ModelCorruptException extends ModelFormatException {
    private static final long serialVersionUID = 1L;

    /** The files at fault. */
    private final List<String> paths;

    /**
     * With the files at fault.
     *
     * @param message for people
     * @param paths the files, relative to the folder
     */
    public ModelCorruptException(String message, List<String> paths) {
        super(message);
        this.paths = List.copyOf(paths);
    }

    /** {@return the files at fault, relative to the folder} */
    public List<String> paths() {
        return paths;
    }
}
