package dev.milepost.client.errors;

import dev.milepost.v1.ErrorReason;
import io.grpc.Status;
import java.io.Serializable;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** What is known of a call that failed. */
record Failure(
        Status.Code code,
        String message,
        ErrorReason reason,
        Map<String, String> metadata,
        List<MilepostException.Violation> violations,
        Duration retryAfter,
        String callId,
        Throwable cause)
        implements Serializable {}
