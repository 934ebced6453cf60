package dev.milepost.client.serving;

import dev.milepost.v1.LoadModelRequest;
import dev.milepost.v1.ServingOptions;
import java.time.Duration;
import java.util.Locale;

/** What {@link ServedModels#load(NewServedModel)} serves, and how. Immutable; as the server is set up unless chosen. */
public final class NewServedModel {
    /** Where a model runs. */
    public enum Environment {
        /** The server's own environment. */
        LOCAL,
        /** One made of the model's requirements by uv. */
        UV,
        /** One made of the model's requirements by virtualenv and pip. */
        VIRTUALENV
    }

    private final LoadModelRequest request;

    private NewServedModel(LoadModelRequest request) {
        this.request = request;
    }

    /**
     * {@return a model of the registry}
     *
     * @param source {@code models:/NAME/VERSION}, {@code models:/NAME@ALIAS}, {@code models:/NAME/latest} or
     *     {@code models:/m-ID}
     */
    public static NewServedModel of(String source) {
        return new NewServedModel(LoadModelRequest.newBuilder().setSource(source).build());
    }

    /**
     * {@return the same under a name}
     *
     * @param name what callers call it; the registered model's name by default
     */
    public NewServedModel name(String name) {
        return new NewServedModel(request.toBuilder().setName(name).build());
    }

    /**
     * {@return the same with so many processes}
     *
     * @param count processes for each version, 1 to 64
     */
    public NewServedModel workers(int count) {
        return with(options().setWorkers(count));
    }

    /**
     * {@return the same with another bound}
     *
     * @param rows most rows that are predicted together; 1 to join none
     */
    public NewServedModel maxBatchRows(int rows) {
        return with(options().setMaxBatchRows(rows));
    }

    /**
     * {@return the same with another wait}
     *
     * @param wait most time that a request waits for others to be predicted with, while there are others; 0 to 1 s
     */
    public NewServedModel maxBatchWait(Duration wait) {
        return with(options().setMaxBatchWaitS(wait.toNanos() / 1e9));
    }

    /**
     * {@return the same with another queue}
     *
     * @param requests most requests that wait; further ones are refused
     */
    public NewServedModel maxQueue(int requests) {
        return with(options().setMaxQueue(requests));
    }

    /**
     * {@return the same in an environment}
     *
     * @param environment where the model runs
     */
    public NewServedModel environment(Environment environment) {
        return with(options().setEnvironment(environment.name().toLowerCase(Locale.ROOT)));
    }

    /**
     * {@return the same on a GPU}
     *
     * @param index of the GPU that the model sees, from 0
     */
    public NewServedModel device(int index) {
        return with(options().setDevice(index));
    }

    LoadModelRequest request() {
        return request;
    }

    private ServingOptions.Builder options() {
        return request.getOptions().toBuilder();
    }

    private NewServedModel with(ServingOptions.Builder options) {
        return new NewServedModel(request.toBuilder().setOptions(options).build());
    }
}
