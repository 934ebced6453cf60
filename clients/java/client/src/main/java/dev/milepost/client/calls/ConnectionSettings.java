package dev.milepost.client.calls;

import io.grpc.ChannelCredentials;
import java.time.Duration;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Settings of one connection.
 *
 * @param address the server as {@code host:port}
 * @param credentials TLS, or null for none
 * @param authority the name that the server's certificate must have, or null for the host of the address
 * @param token gives the bearer token of each call, or null for none
 * @param timeout how long a call may take, retries included
 * @param retries whether calls that are safe to repeat are repeated when that may help
 */
public record ConnectionSettings(
        String address,
        ChannelCredentials credentials,
        String authority,
        Supplier<String> token,
        Duration timeout,
        boolean retries) {
    private static final Pattern ADDRESS = Pattern.compile(
            "(?<scheme>grpcs?://)?(?<host>\\[[0-9A-Fa-f:.%]+\\]|[A-Za-z0-9_.-]+):(?<port>[0-9]{1,5})/?");

    /**
     * Checks the settings.
     *
     * @throws IllegalArgumentException for a timeout that is not positive
     */
    public ConnectionSettings {
        Objects.requireNonNull(address, "address");
        if (timeout.isNegative() || timeout.isZero()) {
            throw new IllegalArgumentException("timeout: " + timeout + " is no time to wait. Give one above zero.");
        }
    }

    /**
     * {@return {@code host:port}}
     *
     * @param text {@code host:port}, {@code grpc://host:port} or {@code grpcs://host:port}
     * @throws IllegalArgumentException when it has none of these forms
     */
    public static String parseAddress(String text) {
        Matcher match = ADDRESS.matcher(text.strip());
        if (match.matches()) {
            int port = Integer.parseInt(match.group("port"));
            if (port > 0 && port <= 65535) {
                return match.group("host") + ":" + port;
            }
        }
        throw new IllegalArgumentException("'" + text + "' is no address of a Milepost server. Give 'host:port' or "
                + "'grpc://host:port' with the server's gRPC port, for example '127.0.0.1:5001'.");
    }

    /**
     * {@return the same with another timeout}
     *
     * @param wanted how long a call may take, retries included
     */
    public ConnectionSettings withTimeout(Duration wanted) {
        return new ConnectionSettings(address, credentials, authority, token, wanted, retries);
    }
}
