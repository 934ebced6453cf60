package dev.milepost.client.artifacts;

import com.google.api.HttpBody;
import com.google.protobuf.ByteString;
import dev.milepost.v1.Artifact;
import dev.milepost.v1.ArtifactServiceGrpc;
import dev.milepost.v1.DownloadArtifactRequest;
import dev.milepost.v1.DownloadArtifactResponse;
import dev.milepost.v1.ListArtifactsRequest;
import dev.milepost.v1.ListArtifactsResponse;
import io.grpc.Grpc;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;

/** A server as ours never is: it lists names and sends bytes that a test makes up. */
final class OddServer extends ArtifactServiceGrpc.ArtifactServiceImplBase implements AutoCloseable {
    /** What it answers to one download: bytes, and whether it breaks off after them. */
    record Answer(byte[] data, long size, String sha256, boolean breaks) {}

    final List<Long> offsets = new ArrayList<>();
    private final List<String> listed;
    private final Queue<Answer> answers;
    private final Server server;

    OddServer(List<String> listed, Answer... answers) throws IOException {
        this.listed = listed;
        this.answers = new ArrayDeque<>(List.of(answers));
        server = Grpc.newServerBuilderForPort(0, InsecureServerCredentials.create())
                .addService(this)
                .build()
                .start();
    }

    Client client() {
        return new Client(address());
    }

    String address() {
        return "127.0.0.1:" + server.getPort();
    }

    @Override
    public void listArtifacts(ListArtifactsRequest request, StreamObserver<ListArtifactsResponse> observer) {
        ListArtifactsResponse.Builder answer = ListArtifactsResponse.newBuilder();
        for (String path : listed) {
            answer.addArtifacts(Artifact.newBuilder().setPath(path).setSize(1));
        }
        observer.onNext(answer.build());
        observer.onCompleted();
    }

    @Override
    public void downloadArtifact(DownloadArtifactRequest request, StreamObserver<DownloadArtifactResponse> observer) {
        offsets.add(request.getOffset());
        Answer answer = answers.remove();
        observer.onNext(DownloadArtifactResponse.newBuilder()
                .setBody(HttpBody.newBuilder().setData(ByteString.copyFrom(answer.data())))
                .setSize(answer.size())
                .setSha256(answer.sha256())
                .build());
        if (answer.breaks()) {
            observer.onError(Status.UNAVAILABLE.asException());
        } else {
            observer.onCompleted();
        }
    }

    @Override
    public void close() {
        server.shutdownNow();
    }
}
