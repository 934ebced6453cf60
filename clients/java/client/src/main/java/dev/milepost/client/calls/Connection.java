package dev.milepost.client.calls;

import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;

/** One channel to a server, and the thread that waits for the next attempts of calls. Connects on first use. */
public final class Connection implements AutoCloseable {
    private static final int MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

    private final ManagedChannel managed;
    private final Channel channel;
    private final ScheduledThreadPoolExecutor timer;

    /**
     * Does not connect yet.
     *
     * @param settings where to, and how
     */
    public Connection(ConnectionSettings settings) {
        ManagedChannelBuilder<?> builder = Grpc.newChannelBuilder(
                        settings.address(),
                        settings.credentials() == null ? InsecureChannelCredentials.create() : settings.credentials())
                .keepAliveTime(30, TimeUnit.SECONDS)
                .keepAliveTimeout(10, TimeUnit.SECONDS)
                .maxInboundMessageSize(MAX_MESSAGE_BYTES)
                .userAgent("milepost-java/" + version())
                // Retries are ours: only we know which calls are safe to repeat.
                .disableRetry();
        if (settings.authority() != null) {
            builder.overrideAuthority(settings.authority());
        }
        managed = builder.build();
        channel = ClientInterceptors.intercept(managed, new CallMetadata(settings.token()));
        timer = new ScheduledThreadPoolExecutor(1, daemon("milepost-retries"));
    }

    /** {@return what to make calls on; it adds credentials and an id to each} */
    public Channel channel() {
        return channel;
    }

    /** {@return a thread for short tasks at a later time} */
    public ScheduledExecutorService timer() {
        return timer;
    }

    /** {@return whether it was closed, so that no call will ever succeed} */
    public boolean isClosed() {
        return managed.isShutdown();
    }

    /** Waits no longer between attempts to connect: the next one is made at once. */
    public void reconnect() {
        managed.resetConnectBackoff();
    }

    /**
     * {@return a maker of daemon threads}
     *
     * @param name of the threads
     */
    public static ThreadFactory daemon(String name) {
        return task -> {
            Thread thread = new Thread(task, name);
            thread.setDaemon(true);
            return thread;
        };
    }

    /** Closes it; calls under way are cancelled. */
    @Override
    public void close() {
        managed.shutdownNow();
        timer.shutdown();
        // What waits for another attempt makes it now, finds the channel closed, and fails: nobody waits for ever.
        timer.getQueue().forEach(Runnable::run);
        timer.shutdownNow();
        try {
            managed.awaitTermination(5, TimeUnit.SECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static String version() {
        String version = Connection.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }
}
