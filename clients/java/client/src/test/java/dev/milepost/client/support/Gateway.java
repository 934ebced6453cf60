package dev.milepost.client.support;

import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Grpc;
import io.grpc.HandlerRegistry;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerMethodDefinition;
import io.grpc.Status;
import io.grpc.TlsServerCredentials;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * What teams put before a server today: a gateway that speaks TLS, asks for a bearer token and passes calls on to a real
 * server.
 */
public final class Gateway implements AutoCloseable {
    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

    private final AtomicInteger refused = new AtomicInteger();
    private final ManagedChannel behind;
    private final Server server;

    public Gateway(TestServer behind, Certificate certificate, String token) {
        this.behind = Grpc.newChannelBuilder(behind.address(), InsecureChannelCredentials.create()).build();
        try {
            server = Grpc.newServerBuilderForPort(
                            0,
                            TlsServerCredentials.create(
                                    certificate.certificate().toFile(), certificate.key().toFile()))
                    .fallbackHandlerRegistry(new Everything("Bearer " + token))
                    .build()
                    .start();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    public String address() {
        return "localhost:" + server.getPort();
    }

    /** How many calls had no good token. */
    public int refused() {
        return refused.get();
    }

    @Override
    public void close() {
        server.shutdownNow();
        behind.shutdownNow();
    }

    private final class Everything extends HandlerRegistry {
        private final String wanted;

        Everything(String wanted) {
            this.wanted = wanted;
        }

        @Override
        public ServerMethodDefinition<?, ?> lookupMethod(String name, String authority) {
            MethodDescriptor<byte[], byte[]> method =
                    MethodDescriptor.<byte[], byte[]>newBuilder(Bytes.MARSHALLER, Bytes.MARSHALLER)
                            .setType(MethodDescriptor.MethodType.UNKNOWN)
                            .setFullMethodName(name)
                            .build();
            return ServerMethodDefinition.create(method, (ServerCallHandler<byte[], byte[]>) (call, headers) -> {
                if (!wanted.equals(headers.get(AUTHORIZATION))) {
                    refused.incrementAndGet();
                    call.close(Status.UNAUTHENTICATED.withDescription("The token is not known here."), new Metadata());
                    return new ServerCall.Listener<byte[]>() {};
                }
                return pass(call, behind.newCall(method, CallOptions.DEFAULT));
            });
        }

        private ServerCall.Listener<byte[]> pass(ServerCall<byte[], byte[]> call, ClientCall<byte[], byte[]> onward) {
            onward.start(
                    new ClientCall.Listener<byte[]>() {
                        @Override
                        public void onHeaders(Metadata headers) {
                            call.sendHeaders(headers);
                        }

                        @Override
                        public void onMessage(byte[] message) {
                            call.sendMessage(message);
                            onward.request(1);
                        }

                        @Override
                        public void onClose(Status status, Metadata trailers) {
                            call.close(status, trailers);
                        }
                    },
                    new Metadata());
            onward.request(1);
            call.request(1);
            return new ServerCall.Listener<byte[]>() {
                @Override
                public void onMessage(byte[] message) {
                    onward.sendMessage(message);
                    call.request(1);
                }

                @Override
                public void onHalfClose() {
                    onward.halfClose();
                }

                @Override
                public void onCancel() {
                    onward.cancel("The client has left.", null);
                }
            };
        }
    }

    private enum Bytes implements MethodDescriptor.Marshaller<byte[]> {
        MARSHALLER;

        @Override
        public InputStream stream(byte[] value) {
            return new ByteArrayInputStream(value);
        }

        @Override
        public byte[] parse(InputStream stream) {
            try {
                return stream.readAllBytes();
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }
    }
}
