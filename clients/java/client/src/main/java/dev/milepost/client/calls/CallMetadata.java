package dev.milepost.client.calls;

import dev.milepost.client.errors.Errors;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import java.util.function.Supplier;

/** Gives each call an id, the caller's token, and for events of the registry the caller's name. */
final class CallMetadata implements ClientInterceptor {
    private static final Metadata.Key<String> AUTHORIZATION = ascii("authorization");
    private static final Metadata.Key<String> USER = ascii("milepost-user");

    private final Supplier<String> token;

    CallMetadata(Supplier<String> token) {
        this.token = token;
    }

    @Override
    public <Q, A> ClientCall<Q, A> interceptCall(MethodDescriptor<Q, A> method, CallOptions options, Channel next) {
        return new SimpleForwardingClientCall<Q, A>(next.newCall(method, options)) {
            @Override
            public void start(Listener<A> listener, Metadata headers) {
                String id = UUID.randomUUID().toString().replace("-", "").substring(16);
                headers.put(Errors.CALL_ID, id);
                if (token != null) {
                    headers.put(AUTHORIZATION, "Bearer " + token.get());
                }
                if (MethodTraits.of(method).told()) {
                    headers.put(USER, user());
                }
                super.start(new WithId<>(listener, id), headers);
            }
        };
    }

    private static String user() {
        String name = System.getProperty("user.name", "");
        return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", " ");
    }

    private static Metadata.Key<String> ascii(String name) {
        return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
    }

    /** Puts the id where exceptions are made of it. */
    private static final class WithId<A> extends SimpleForwardingClientCallListener<A> {
        private final String id;

        WithId(ClientCall.Listener<A> listener, String id) {
            super(listener);
            this.id = id;
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            if (!status.isOk()) {
                trailers.discardAll(Errors.CALL_ID);
                trailers.put(Errors.CALL_ID, id);
            }
            super.onClose(status, trailers);
        }
    }
}
