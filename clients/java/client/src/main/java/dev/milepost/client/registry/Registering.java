package dev.milepost.client.registry;

import dev.milepost.client.calls.Calls;
import java.util.Optional;

/** Makes a model the next version of a registered model. */
final class Registering {
    private final Calls calls;
    private final ModelVersions versions;
    private final Registration as;

    Registering(Calls calls, Registration as) {
        this.calls = calls;
        this.versions = new ModelVersions(calls);
        this.as = as;
    }

    ModelVersionHandle register(ModelUri source) {
        ModelVersionHandle version = version(source);
        for (String alias : as.aliases()) {
            new RegisteredModels(calls).setAlias(version.name(), alias, version.version());
        }
        return as.aliases().isEmpty() ? version : version.refresh();
    }

    private ModelVersionHandle version(ModelUri source) {
        if (source instanceof ModelUri.OfAlias it) {
            ModelVersionHandle found = versions.getByAlias(it.name(), it.alias());
            return copy(found.name(), found.version());
        }
        if (source instanceof ModelUri.OfVersion it) {
            return copy(it.name(), it.version());
        }
        if (source instanceof ModelUri.OfRun it) {
            Optional<LoggedModelHandle> logged = ModelSource.loggedAt(calls, it);
            return create(logged.isPresent()
                    ? NewModelVersion.ofLoggedModel(as.name(), logged.get().id())
                    : NewModelVersion.ofRun(as.name(), it.runId(), it.path()));
        }
        if (source instanceof ModelUri.OfLoggedModel it) {
            return create(NewModelVersion.ofLoggedModel(as.name(), it.modelId()));
        }
        return create(NewModelVersion.ofUrl(as.name(), source.toString()));
    }

    private ModelVersionHandle create(NewModelVersion version) {
        return versions.create(version.description(as.description())
                .modelCard(as.modelCard())
                .tags(as.tags())
                .createModel());
    }

    /** Copies a version; what is said about it here takes the place of what comes along. */
    private ModelVersionHandle copy(String name, long version) {
        ModelVersionHandle copy = versions.copy(name, version, as.name(), true);
        ModelVersionUpdate said = ModelVersionUpdate.none();
        if (!as.description().isEmpty()) {
            said = said.description(as.description());
        }
        if (!as.modelCard().isEmpty()) {
            said = said.modelCard(as.modelCard());
        }
        if (!said.equals(ModelVersionUpdate.none())) {
            copy = copy.update(said);
        }
        return as.tags().isEmpty() ? copy : copy.setTags(as.tags());
    }
}
