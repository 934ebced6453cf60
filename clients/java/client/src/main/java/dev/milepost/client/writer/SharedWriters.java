package dev.milepost.client.writer;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.calls.Connection;
import dev.milepost.client.calls.ConnectionBuilder;
import dev.milepost.client.calls.ConnectionSettings;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** The writers that sinks opened in this JVM, one for each, and how many use them. */
final class SharedWriters {
    private static final Map<MetricSink, Shared> OPEN = new HashMap<>();

    private SharedWriters() {}

    static MetricWriter open(MetricSink sink) {
        synchronized (OPEN) {
            Shared shared = OPEN.computeIfAbsent(sink, Shared::new);
            shared.users++;
            return MetricWriter.shared(shared.delivery, shared);
        }
    }

    private static final class Shared implements MetricWriter.Sharing {
        private final MetricSink sink;
        private final Connection connection;
        private final Delivery delivery;
        private int users;

        Shared(MetricSink sink) {
            this.sink = sink;
            ConnectionSettings settings = new Settings().of(sink);
            connection = new Connection(settings);
            try {
                Calls calls = new Calls(connection, settings);
                delivery = Delivery.start(calls, sink.runId(), sink.options(), Limits.DEFAULT);
            } catch (RuntimeException error) {
                connection.close();
                throw error;
            }
        }

        @Override
        public boolean leave() {
            synchronized (OPEN) {
                users--;
                return users == 0 && OPEN.remove(sink, this);
            }
        }

        @Override
        public void end() {
            connection.close();
        }
    }

    private static final class Settings extends ConnectionBuilder<Settings> {
        Settings() {
            super("MILEPOST_TRACKING_URI", "127.0.0.1:5001");
        }

        ConnectionSettings of(MetricSink sink) {
            target(sink.target());
            if (!sink.token().isEmpty()) {
                token(sink.token());
            }
            if (!sink.authorities().isEmpty()) {
                tls(Path.of(sink.authorities()));
            }
            return settings();
        }
    }
}
