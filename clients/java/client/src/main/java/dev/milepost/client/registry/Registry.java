package dev.milepost.client.registry;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.paging.Page;
import dev.milepost.client.paging.Pages;
import dev.milepost.client.watching.Watch;
import dev.milepost.client.watching.Watches;
import dev.milepost.v1.ListRegistryEventsRequest;
import dev.milepost.v1.RegistryEvent;
import dev.milepost.v1.RegistryServiceGrpc;

/** What happened in the model registry. Events are kept for good. */
public final class Registry {
    private final Calls calls;

    /**
     * Verbs of a server.
     *
     * @param calls to the server
     */
    public Registry(Calls calls) {
        this.calls = calls;
    }

    /** {@return the events of all registered models, latest first} */
    public Pages<RegistryEvent> events() {
        return events("");
    }

    /**
     * {@return the events of one registered model, under the names that it had before too, latest first}
     *
     * @param name the registered model; of a deleted one, the events under its name; empty for all models
     */
    public Pages<RegistryEvent> events(String name) {
        return new Pages<>((token, size) -> calls.start(
                RegistryServiceGrpc.getListRegistryEventsMethod(),
                ListRegistryEventsRequest.newBuilder()
                        .setName(name)
                        .setPageToken(token)
                        .setPageSize(size)
                        .build(),
                answer -> new Page<>(answer.getEventsList(), answer.getNextPageToken())));
    }

    /** {@return the events of all registered models as they happen, from now on; see {@link #watch(String, String)}} */
    public Watch<RegistryEvent> watch() {
        return watch("");
    }

    /**
     * {@return the events of one registered model as they happen, from now on; see {@link #watch(String, String)}}
     *
     * @param name the registered model, by its name at the time of the event; empty for all models
     */
    public Watch<RegistryEvent> watch(String name) {
        return watch(name, "");
    }

    /**
     * {@return events as they happen, in order, none left out and none twice, until it is closed} What happens after
     * {@link Watch#start} has returned is not missed.
     *
     * @param name only events of this registered model, by its name at the time of the event; empty for all models
     * @param resumeToken {@link Watch#resumeToken} of an earlier watch with the same name: what happened since comes
     *     first; empty: from now on
     */
    public Watch<RegistryEvent> watch(String name, String resumeToken) {
        return Watches.registry(calls, name, resumeToken);
    }
}
