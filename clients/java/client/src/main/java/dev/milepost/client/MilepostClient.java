package dev.milepost.client;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.calls.Connection;
import dev.milepost.client.calls.ConnectionBuilder;
import dev.milepost.client.calls.ConnectionSettings;
import dev.milepost.v1.DatabaseStatus;
import dev.milepost.v1.GetDatabaseStatusRequest;
import dev.milepost.v1.GetServerInfoRequest;
import dev.milepost.v1.ServerInfo;
import dev.milepost.v1.ServerServiceGrpc;
import java.time.Duration;

/**
 * A connection to a Milepost server. Connects on first use; safe to use from all threads; made once and shared.
 *
 * <pre>{@code
 * try (var client = MilepostClient.connect("127.0.0.1:5001")) {
 *     var experiment = client.experiments().getOrCreate("digits");
 *     try (var run = client.startRun(experiment.id())) {
 *         run.logParam("lr", 3e-4);
 *         run.metrics().log("loss", 0.3, 1);
 *     }
 * }
 * }</pre>
 *
 * <p>Every verb waits for the server, repeats what is safe to repeat, and throws
 * {@link dev.milepost.client.errors.MilepostException} when it failed for good; its twin that ends in {@code Async}
 * returns a {@link java.util.concurrent.CompletableFuture} at once, which fails with the same.
 */
public final class MilepostClient implements AutoCloseable {
    private final Connection connection;
    private final Calls calls;

    private MilepostClient(Connection connection, Calls calls) {
        this.connection = connection;
        this.calls = calls;
    }

    /**
     * {@return a client of a server without TLS, or of one whose address says {@code grpcs://}}
     *
     * @param target {@code host:port}, {@code grpc://host:port} or {@code grpcs://host:port}
     * @throws IllegalArgumentException when it has none of these forms
     */
    public static MilepostClient connect(String target) {
        return builder().target(target).build();
    }

    /**
     * {@return a client with settings of its own. Its target is the environment's {@code MILEPOST_TRACKING_URI}, else
     * {@code 127.0.0.1:5001}, unless one is chosen}
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * {@return a client with another deadline, over the same connection; closing either closes both}
     *
     * @param timeout how long a call may take, retries included
     */
    public MilepostClient withTimeout(Duration timeout) {
        return new MilepostClient(connection, calls.withTimeout(timeout));
    }

    /** {@return version, storage and limits of the server} */
    public ServerInfo serverInfo() {
        return calls.call(ServerServiceGrpc.getGetServerInfoMethod(), GetServerInfoRequest.getDefaultInstance())
                .getServer();
    }

    /** {@return size and upkeep of the server's database, and what to do about it} */
    public DatabaseStatus databaseStatus() {
        return calls.call(
                        ServerServiceGrpc.getGetDatabaseStatusMethod(), GetDatabaseStatusRequest.getDefaultInstance())
                .getStatus();
    }

    /** Closes the connection; calls under way are cancelled. */
    @Override
    public void close() {
        connection.close();
    }

    @Override
    public String toString() {
        return "MilepostClient(" + calls.settings().address() + ")";
    }

    /** How to reach a tracking server. */
    public static final class Builder extends ConnectionBuilder<Builder> {
        private Builder() {
            super("MILEPOST_TRACKING_URI", "127.0.0.1:5001");
        }

        /**
         * {@return the client, which connects on first use}
         *
         * @throws IllegalArgumentException when the settings contradict each other
         */
        public MilepostClient build() {
            ConnectionSettings settings = settings();
            Connection connection = new Connection(settings);
            return new MilepostClient(connection, new Calls(connection, settings));
        }
    }
}
