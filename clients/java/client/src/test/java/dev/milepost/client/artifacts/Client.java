package dev.milepost.client.artifacts;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.calls.Connection;
import dev.milepost.client.calls.ConnectionSettings;
import dev.milepost.v1.CreateRunRequest;
import dev.milepost.v1.TrackingServiceGrpc;
import java.time.Duration;

/** A connection of a test. */
final class Client implements AutoCloseable {
    final Artifacts artifacts;
    private final Connection connection;
    private final Calls calls;

    Client(String address) {
        this(address, true);
    }

    Client(String address, boolean retries) {
        ConnectionSettings settings =
                new ConnectionSettings(address, null, null, null, Duration.ofSeconds(30), retries);
        connection = new Connection(settings);
        calls = new Calls(connection, settings);
        artifacts = new Artifacts(calls);
    }

    /** Makes a run and returns its id. */
    String run() {
        return calls.call(TrackingServiceGrpc.getCreateRunMethod(), CreateRunRequest.getDefaultInstance())
                .getRun()
                .getRunId();
    }

    @Override
    public void close() {
        connection.close();
    }
}
