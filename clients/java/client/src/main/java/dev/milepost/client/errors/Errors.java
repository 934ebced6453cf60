package dev.milepost.client.errors;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import dev.milepost.v1.ErrorReason;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.ProtoUtils;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

/** Makes exceptions of what gRPC reports. */
public final class Errors {
    /** Metadata that name a call in the server's log. */
    public static final Metadata.Key<String> CALL_ID =
            Metadata.Key.of("x-request-id", Metadata.ASCII_STRING_MARSHALLER);

    private static final Metadata.Key<com.google.rpc.Status> DETAILS = Metadata.Key.of(
            "grpc-status-details-bin", ProtoUtils.metadataMarshaller(com.google.rpc.Status.getDefaultInstance()));
    private static final String REASON_PREFIX = "ERROR_REASON_";

    private Errors() {}

    /**
     * {@return the exception for what a call threw; one of this package is returned as it is}
     *
     * @param thrown what gRPC, or a future, threw
     */
    public static MilepostException from(Throwable thrown) {
        if (thrown instanceof MilepostException known) {
            return known;
        }
        if ((thrown instanceof CompletionException || thrown instanceof ExecutionException)
                && thrown.getCause() != null) {
            return from(thrown.getCause());
        }
        Metadata trailers = null;
        if (thrown instanceof StatusRuntimeException error) {
            trailers = error.getTrailers();
        } else if (thrown instanceof StatusException error) {
            trailers = error.getTrailers();
        }
        return from(Status.fromThrowable(thrown), trailers, thrown);
    }

    /**
     * {@return the exception for a status with details, as streams carry them in their messages}
     *
     * @param status the status, not OK
     */
    public static MilepostException from(com.google.rpc.Status status) {
        return make(Status.fromCodeValue(status.getCode()).getCode(), status.getMessage(), status, "", null);
    }

    /**
     * {@return the exception for an error that this client itself finds}
     *
     * @param status its code and text
     * @param reason its cause
     * @param metadata the variables of the text
     */
    public static MilepostException of(Status status, ErrorReason reason, Map<String, String> metadata) {
        return make(new Failure(
                status.getCode(), status.getDescription(), reason, metadata, List.of(), null, "", status.getCause()));
    }

    private static MilepostException from(Status status, Metadata trailers, Throwable cause) {
        com.google.rpc.Status details = trailers == null ? null : trailers.get(DETAILS);
        String callId = trailers == null ? null : trailers.get(CALL_ID);
        String text = status.getDescription();
        if (text == null) {
            text = "The call failed with status " + status.getCode()
                    + (status.getCause() == null ? "." : ": " + status.getCause().getMessage());
        }
        // The transport's own code and text hold, even where a proxy changed them.
        return make(
                status.getCode(),
                text,
                details == null ? com.google.rpc.Status.getDefaultInstance() : details,
                callId == null ? "" : callId,
                cause);
    }

    private static MilepostException make(
            Status.Code code, String text, com.google.rpc.Status status, String callId, Throwable cause) {
        ErrorInfo info = ErrorInfo.getDefaultInstance();
        List<MilepostException.Violation> violations = new ArrayList<>();
        Duration retryAfter = null;
        try {
            for (Any detail : status.getDetailsList()) {
                if (detail.is(ErrorInfo.class)) {
                    info = detail.unpack(ErrorInfo.class);
                } else if (detail.is(BadRequest.class)) {
                    for (BadRequest.FieldViolation found : detail.unpack(BadRequest.class).getFieldViolationsList()) {
                        violations.add(new MilepostException.Violation(found.getField(), found.getDescription()));
                    }
                } else if (detail.is(RetryInfo.class)) {
                    com.google.protobuf.Duration delay = detail.unpack(RetryInfo.class).getRetryDelay();
                    retryAfter = Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
                }
            }
        } catch (InvalidProtocolBufferException unreadable) {
            // Details of somebody else's making: the code and the text have to do.
            info = ErrorInfo.getDefaultInstance();
        }
        return make(new Failure(
                code, text, reason(info.getReason()), Map.copyOf(info.getMetadataMap()), List.copyOf(violations),
                retryAfter, callId, cause));
    }

    private static ErrorReason reason(String name) {
        if (name.isEmpty()) {
            return ErrorReason.ERROR_REASON_UNSPECIFIED;
        }
        try {
            return ErrorReason.valueOf(REASON_PREFIX + name);
        } catch (IllegalArgumentException younger) {
            return ErrorReason.UNRECOGNIZED;
        }
    }

    private static MilepostException make(Failure failure) {
        return switch (failure.code()) {
            case CANCELLED -> new CancelledException(failure);
            case INVALID_ARGUMENT -> new InvalidArgumentException(failure);
            case DEADLINE_EXCEEDED -> new DeadlineExceededException(failure);
            case NOT_FOUND -> new NotFoundException(failure);
            case ALREADY_EXISTS -> new AlreadyExistsException(failure);
            case PERMISSION_DENIED -> new PermissionDeniedException(failure);
            case RESOURCE_EXHAUSTED -> new ResourceExhaustedException(failure);
            case FAILED_PRECONDITION -> new FailedPreconditionException(failure);
            case ABORTED -> new AbortedException(failure);
            case OUT_OF_RANGE -> new OutOfRangeException(failure);
            case UNIMPLEMENTED -> new UnimplementedException(failure);
            case INTERNAL -> new InternalException(failure);
            case UNAVAILABLE -> new UnavailableException(failure);
            case DATA_LOSS -> new DataLossException(failure);
            case UNAUTHENTICATED -> new UnauthenticatedException(failure);
            case OK, UNKNOWN -> new UnknownException(failure);
        };
    }
}
