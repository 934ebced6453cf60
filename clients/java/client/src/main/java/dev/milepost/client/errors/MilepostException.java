package dev.milepost.client.errors;

import dev.milepost.v1.ErrorReason;
import io.grpc.Status;
import java.io.Serializable;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A call failed. The class follows from the gRPC status code, {@link #reason} from what the server says; texts may
 * change, codes and reasons do not.
 *
 * <pre>{@code
 * try {
 *     client.runs().get(id);
 * } catch (NotFoundException e) {
 *     if (e.reason() == ErrorReason.ERROR_REASON_RUN_NOT_FOUND) { ... }
 * }
 * }</pre>
 */
public abstract sealed class MilepostException extends RuntimeException
        permits AbortedException,
                AlreadyExistsException,
                CancelledException,
                DataLossException,
                DeadlineExceededException,
                FailedPreconditionException,
                InternalException,
                InvalidArgumentException,
                NotFoundException,
                OutOfRangeException,
                PermissionDeniedException,
                ResourceExhaustedException,
                UnauthenticatedException,
                UnavailableException,
                UnimplementedException,
                UnknownException {
    private static final long serialVersionUID = 1L;

    private final Failure failure;

    MilepostException(Failure failure) {
        super(failure.message(), failure.cause());
        this.failure = failure;
    }

    /** {@return the status code of the call} */
    public Status.Code code() {
        return failure.code();
    }

    /**
     * {@return the stable cause; {@code ERROR_REASON_UNSPECIFIED} when the transport failed and not the server, and
     * {@code UNRECOGNIZED} for one that is younger than this client}
     */
    public ErrorReason reason() {
        return failure.reason();
    }

    /** {@return the variables of the message by their stable names} */
    public Map<String, String> metadata() {
        return failure.metadata();
    }

    /** {@return the fields of the request that are at fault} */
    public List<Violation> violations() {
        return failure.violations();
    }

    /** {@return how long the server advises to wait before another attempt} */
    public Optional<Duration> retryAfter() {
        return Optional.ofNullable(failure.retryAfter());
    }

    /** {@return the name of the call in the server's log; empty when it never left} */
    public String callId() {
        return failure.callId();
    }

    /** {@return whether the same request may succeed later} */
    public boolean isRetriable() {
        return switch (reason()) {
            case ERROR_REASON_TOO_MANY_REQUESTS, ERROR_REASON_STORAGE_FULL -> true;
            case ERROR_REASON_ETAG_MISMATCH, ERROR_REASON_ALIAS_MOVED -> false;
            default -> this instanceof UnavailableException
                    || this instanceof AbortedException
                    || this instanceof DeadlineExceededException;
        };
    }

    /**
     * A field of a request that is wrong.
     *
     * @param field path of the field, as in the proto
     * @param description what is wrong and what would be right
     */
    public record Violation(String field, String description) implements Serializable {}
}
