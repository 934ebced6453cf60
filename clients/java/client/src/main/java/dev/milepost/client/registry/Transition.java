package dev.milepost.client.registry;

import java.util.List;

/**
 * What came of moving a version to a stage.
 *
 * @param version the version as it is now
 * @param archived numbers of the versions that were archived
 */
public record Transition(ModelVersionHandle version, List<Long> archived) {
    /** Keeps a copy of the list. */
    public Transition {
        archived = List.copyOf(archived);
    }
}
