package dev.milepost.client.serving;

import com.google.protobuf.Int32Value;
import com.google.protobuf.StringValue;
import dev.milepost.client.calls.Calls;
import dev.milepost.client.errors.Errors;
import dev.milepost.client.errors.NotFoundException;
import io.grpc.MethodDescriptor;
import io.grpc.protobuf.ProtoUtils;
import java.util.concurrent.CompletableFuture;

/** {@code grpc.health.v1.Health}, whose messages are on the wire those of a single text and a single number. */
final class Health {
    private static final int SERVING = 1;
    private static final MethodDescriptor<StringValue, Int32Value> CHECK =
            MethodDescriptor.<StringValue, Int32Value>newBuilder()
                    .setType(MethodDescriptor.MethodType.UNARY)
                    .setFullMethodName("grpc.health.v1.Health/Check")
                    .setRequestMarshaller(ProtoUtils.marshaller(StringValue.getDefaultInstance()))
                    .setResponseMarshaller(ProtoUtils.marshaller(Int32Value.getDefaultInstance()))
                    .build();

    private Health() {}

    /** Whether a service can be asked now; false for one that the server does not know. */
    static CompletableFuture<Boolean> isServing(Calls calls, String service) {
        CompletableFuture<Boolean> answer =
                calls.start(CHECK, StringValue.of(service), status -> status.getValue() == SERVING);
        CompletableFuture<Boolean> known = answer.exceptionally(failed -> {
            if (Errors.from(failed) instanceof NotFoundException) {
                return false;
            }
            throw Errors.from(failed);
        });
        known.whenComplete((done, error) -> {
            if (known.isCancelled()) {
                answer.cancel(true);
            }
        });
        return known;
    }
}
