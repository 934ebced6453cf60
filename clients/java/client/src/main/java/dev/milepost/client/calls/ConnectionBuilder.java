package dev.milepost.client.calls;

import io.grpc.ChannelCredentials;
import io.grpc.TlsChannelCredentials;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.function.Supplier;

/**
 * How to reach a server.
 *
 * @param <B> the builder of one kind of client
 */
public abstract class ConnectionBuilder<B extends ConnectionBuilder<B>> {
    /** How long a call may take, retries included, unless another time is given: 30 s. */
    public static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(30);

    private String target;
    private ChannelCredentials credentials;
    private String authority;
    private Supplier<String> token;
    private Duration timeout = DEFAULT_TIMEOUT;
    private boolean retries = true;

    /**
     * A builder.
     *
     * @param variable environment variable with the address
     * @param fallback the address when that is not set
     */
    protected ConnectionBuilder(String variable, String fallback) {
        String chosen = System.getenv(variable);
        target = chosen == null || chosen.isBlank() ? fallback : chosen;
    }

    /**
     * Chooses the server.
     *
     * @param address {@code host:port}, {@code grpc://host:port}, or {@code grpcs://host:port} for TLS with the
     *     certificate authorities of the JVM
     * @return this builder
     */
    public B target(String address) {
        target = Objects.requireNonNull(address, "address");
        return self();
    }

    /**
     * Uses TLS, and trusts the certificate authorities of the JVM.
     *
     * @return this builder
     */
    public B tls() {
        return credentials(TlsChannelCredentials.create());
    }

    /**
     * Uses TLS, and trusts given certificate authorities only.
     *
     * @param authorities file with their certificates, PEM
     * @return this builder
     * @throws UncheckedIOException when the file cannot be read
     */
    public B tls(Path authorities) {
        try {
            return credentials(TlsChannelCredentials.newBuilder()
                    .trustManager(authorities.toFile())
                    .build());
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /**
     * Uses TLS as gRPC's credentials say, for example with a certificate of the client's own (mTLS).
     *
     * @param wanted the credentials, for example of {@link TlsChannelCredentials#newBuilder}
     * @return this builder
     */
    public B credentials(ChannelCredentials wanted) {
        credentials = Objects.requireNonNull(wanted, "credentials");
        return self();
    }

    /**
     * Checks the server's certificate against another name than that of the address.
     *
     * @param name the name in the certificate
     * @return this builder
     */
    public B authority(String name) {
        authority = name;
        return self();
    }

    /**
     * Sends a bearer token with each call. Only over TLS, or to an address of this machine.
     *
     * @param text the token
     * @return this builder
     */
    public B token(String text) {
        Objects.requireNonNull(text, "token");
        return token(() -> text);
    }

    /**
     * Sends a bearer token with each call, for tokens that expire.
     *
     * @param source gives the token that holds now; called for each attempt, and must not block
     * @return this builder
     */
    public B token(Supplier<String> source) {
        token = Objects.requireNonNull(source, "token");
        return self();
    }

    /**
     * Bounds the calls.
     *
     * @param wanted how long a call may take, retries included; transfers and streams are not bound by it
     * @return this builder
     */
    public B timeout(Duration wanted) {
        timeout = Objects.requireNonNull(wanted, "timeout");
        return self();
    }

    /**
     * Chooses whether calls are repeated when the server does not answer: reads, and changes that carry a
     * {@code request_id}, up to 6 times within the timeout. They are unless this is called with false.
     *
     * @param wanted whether to
     * @return this builder
     */
    public B retries(boolean wanted) {
        retries = wanted;
        return self();
    }

    /**
     * {@return the settings}
     *
     * @throws IllegalArgumentException when the address cannot be read, or a token would go over the network in clear
     */
    protected ConnectionSettings settings() {
        String address = ConnectionSettings.parseAddress(target);
        ChannelCredentials chosen = credentials;
        if (chosen == null && target.strip().startsWith("grpcs://")) {
            chosen = TlsChannelCredentials.create();
        }
        if (chosen == null && token != null && !isLocal(address)) {
            throw new IllegalArgumentException("The token would go to " + address
                    + " in clear. Call tls(), or name the server as grpcs://" + address + ".");
        }
        return new ConnectionSettings(address, chosen, authority, token, timeout, retries);
    }

    private static boolean isLocal(String address) {
        return address.startsWith("127.") || address.startsWith("localhost:") || address.startsWith("[::1]:");
    }

    @SuppressWarnings("unchecked")
    private B self() {
        return (B) this;
    }
}
