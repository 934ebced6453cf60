package dev.milepost.client.serving;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.client.paging.Page;
import dev.milepost.client.paging.Pages;
import dev.milepost.v1.FollowAliasRequest;
import dev.milepost.v1.FollowAliasResponse;
import dev.milepost.v1.GetServedModelRequest;
import dev.milepost.v1.GetServedModelResponse;
import dev.milepost.v1.ListServedModelsRequest;
import dev.milepost.v1.LoadModelResponse;
import dev.milepost.v1.RollBackRequest;
import dev.milepost.v1.RollBackResponse;
import dev.milepost.v1.ServedModel;
import dev.milepost.v1.ServingServiceGrpc;
import dev.milepost.v1.SetCanaryRequest;
import dev.milepost.v1.SetCanaryResponse;
import dev.milepost.v1.SetLiveVersionRequest;
import dev.milepost.v1.SetLiveVersionResponse;
import dev.milepost.v1.SetShadowRequest;
import dev.milepost.v1.SetShadowResponse;
import dev.milepost.v1.UnloadModelRequest;
import java.util.concurrent.CompletableFuture;

/**
 * What a model server serves.
 *
 * <p>All verbs that name a model that is not served throw
 * {@link dev.milepost.client.errors.NotFoundException} ({@code SERVED_MODEL_NOT_FOUND}). Those that may have to load a
 * version wait 600 s unless {@link ModelServer#withTimeout} says otherwise, and throw
 * {@link dev.milepost.client.errors.FailedPreconditionException} ({@code MODEL_NOT_LOADABLE}) when it could not be
 * loaded or did not answer its example: what was live before still is.
 */
public final class ServedModels {
    private final Calls calls;
    private final Calls loading;

    ServedModels(Calls calls, Calls loading) {
        this.calls = calls;
        this.loading = loading;
    }

    /** {@return the served models, by name} */
    public Pages<ServedModel> list() {
        return new Pages<>((token, size) -> calls.start(
                ServingServiceGrpc.getListServedModelsMethod(),
                ListServedModelsRequest.newBuilder().setPageToken(token).setPageSize(size).build(),
                page -> new Page<>(page.getServedModelsList(), page.getNextPageToken())));
    }

    /**
     * {@return a served model}
     *
     * @param name what it is served as
     */
    public ServedModel get(String name) {
        return Calls.await(getAsync(name));
    }

    /**
     * {@return the model, as {@link #get}, without waiting}
     *
     * @param name what it is served as
     */
    public CompletableFuture<ServedModel> getAsync(String name) {
        return calls.start(
                ServingServiceGrpc.getGetServedModelMethod(),
                GetServedModelRequest.newBuilder().setName(name).build(),
                GetServedModelResponse::getServedModel);
    }

    /**
     * Serves a model of the registry, or loads one anew that is served; returns when it is live.
     *
     * @param source as for {@link NewServedModel#of}
     * @return the model
     * @throws MilepostException as {@link #load(NewServedModel)}
     */
    public ServedModel load(String source) {
        return load(NewServedModel.of(source));
    }

    /**
     * Serves a model of the registry, or loads one anew that is served; returns when it is live.
     *
     * @param model what to serve, and how
     * @return the model
     * @throws MilepostException also {@code NOT_FOUND} when the registry has no such version or alias, and
     *     {@code UNAVAILABLE} when it does not answer
     */
    public ServedModel load(NewServedModel model) {
        return Calls.await(loadAsync(model));
    }

    /**
     * {@return the model, as {@link #load}, without waiting}
     *
     * @param model what to serve, and how
     */
    public CompletableFuture<ServedModel> loadAsync(NewServedModel model) {
        return loading.start(
                ServingServiceGrpc.getLoadModelMethod(), model.request(), LoadModelResponse::getServedModel);
    }

    /**
     * Ends serving of a model once the requests that it has are answered.
     *
     * @param name what it is served as
     */
    public void unload(String name) {
        Calls.await(unloadAsync(name));
    }

    /**
     * {@return when it is done, as {@link #unload}, without waiting}
     *
     * @param name what it is served as
     */
    public CompletableFuture<Void> unloadAsync(String name) {
        return calls.start(
                ServingServiceGrpc.getUnloadModelMethod(),
                UnloadModelRequest.newBuilder().setName(name).build(),
                done -> null);
    }

    /**
     * Gives a version the traffic, and pins it: a followed alias is left alone until {@link #followAlias}.
     *
     * @param name what the model is served as
     * @param version a version of the same registered model, from 1; loaded when it is not
     * @return the model after the change
     */
    public ServedModel setLive(String name, long version) {
        return Calls.await(setLiveAsync(name, version));
    }

    /**
     * As {@link #setLive}, without waiting.
     *
     * @param name what the model is served as
     * @param version a version of the same registered model
     * @return the model after the change
     */
    public CompletableFuture<ServedModel> setLiveAsync(String name, long version) {
        return loading.start(
                ServingServiceGrpc.getSetLiveVersionMethod(),
                SetLiveVersionRequest.newBuilder().setName(name).setVersion(version).build(),
                SetLiveVersionResponse::getServedModel);
    }

    /**
     * Gives the version the traffic that had it before, and pins it.
     *
     * @param name what the model is served as
     * @return the model after the change
     * @throws dev.milepost.client.errors.FailedPreconditionException also {@code NO_PREVIOUS_VERSION}
     */
    public ServedModel rollBack(String name) {
        return Calls.await(rollBackAsync(name));
    }

    /**
     * {@return the model, as {@link #rollBack}, without waiting}
     *
     * @param name what it is served as
     */
    public CompletableFuture<ServedModel> rollBackAsync(String name) {
        return loading.start(
                ServingServiceGrpc.getRollBackMethod(),
                RollBackRequest.newBuilder().setName(name).build(),
                RollBackResponse::getServedModel);
    }

    /**
     * Follows the alias of the model's source again.
     *
     * @param name what the model is served as
     * @return the model after the change
     * @throws dev.milepost.client.errors.FailedPreconditionException also {@code NOTHING_TO_FOLLOW}, when the source
     *     names no alias
     */
    public ServedModel followAlias(String name) {
        return Calls.await(followAliasAsync(name));
    }

    /**
     * {@return the model, as {@link #followAlias}, without waiting}
     *
     * @param name what it is served as
     */
    public CompletableFuture<ServedModel> followAliasAsync(String name) {
        return loading.start(
                ServingServiceGrpc.getFollowAliasMethod(),
                FollowAliasRequest.newBuilder().setName(name).build(),
                FollowAliasResponse::getServedModel);
    }

    /**
     * Sends a share of the traffic to a version.
     *
     * @param name what the model is served as
     * @param version a version of the same registered model; 0 to have no canary
     * @param percent its share of requests that name no version, 0 to 100
     * @return the model after the change
     */
    public ServedModel setCanary(String name, long version, double percent) {
        return Calls.await(setCanaryAsync(name, version, percent));
    }

    /**
     * As {@link #setCanary}, without waiting.
     *
     * @param name what the model is served as
     * @param version a version of the same registered model; 0 to have no canary
     * @param percent its share of requests that name no version, 0 to 100
     * @return the model after the change
     */
    public CompletableFuture<ServedModel> setCanaryAsync(String name, long version, double percent) {
        return loading.start(
                ServingServiceGrpc.getSetCanaryMethod(),
                SetCanaryRequest.newBuilder().setName(name).setVersion(version).setPercent(percent).build(),
                SetCanaryResponse::getServedModel);
    }

    /**
     * Asks a version a copy of the traffic, and compares its answers with those that callers get.
     *
     * @param name what the model is served as
     * @param version a version of the same registered model; 0 to have no shadow
     * @param percent share of requests to copy, 0 to 100
     * @return the model after the change
     */
    public ServedModel setShadow(String name, long version, double percent) {
        return Calls.await(setShadowAsync(name, version, percent));
    }

    /**
     * As {@link #setShadow}, without waiting.
     *
     * @param name what the model is served as
     * @param version a version of the same registered model; 0 to have no shadow
     * @param percent share of requests to copy, 0 to 100
     * @return the model after the change
     */
    public CompletableFuture<ServedModel> setShadowAsync(String name, long version, double percent) {
        return loading.start(
                ServingServiceGrpc.getSetShadowMethod(),
                SetShadowRequest.newBuilder().setName(name).setVersion(version).setPercent(percent).build(),
                SetShadowResponse::getServedModel);
    }
}
