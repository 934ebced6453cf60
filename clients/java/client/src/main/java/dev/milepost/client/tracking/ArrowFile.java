package dev.milepost.client.tracking;

import dev.milepost.v1.ExportMetricHistoryRequest;
import dev.milepost.v1.ExportMetricHistoryResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/** Exported bytes on their way to a stream, or to a file that appears when it is complete. */
final class ArrowFile implements WholeStream.Sink<ExportMetricHistoryResponse, Long> {
    private final OutputStream out;
    private final Path partial;
    private final Path target;
    private long bytes;

    private ArrowFile(OutputStream out, Path partial, Path target) {
        this.out = out;
        this.partial = partial;
        this.target = target;
    }

    static ExportMetricHistoryRequest request(String runId, String... keys) {
        return ExportMetricHistoryRequest.newBuilder()
                .setRunId(runId)
                .addAllMetricKeys(List.of(keys))
                .build();
    }

    static ArrowFile to(OutputStream out) {
        return new ArrowFile(out, null, null);
    }

    static ArrowFile to(Path target) throws IOException {
        Path whole = target.toAbsolutePath();
        Files.createDirectories(whole.getParent());
        Path partial = Files.createTempFile(whole.getParent(), ".milepost-", ".part");
        return new ArrowFile(Files.newOutputStream(partial), partial, whole);
    }

    @Override
    public void take(ExportMetricHistoryResponse message) throws IOException {
        message.getBody().getData().writeTo(out);
        bytes += message.getBody().getData().size();
    }

    @Override
    public Long finish() throws IOException {
        if (partial == null) {
            out.flush();
        } else {
            out.close();
            Files.move(partial, target, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        }
        return bytes;
    }

    @Override
    public void abandon() {
        if (partial == null) {
            return;
        }
        try {
            out.close();
            Files.deleteIfExists(partial);
        } catch (IOException left) {
            System.getLogger(ArrowFile.class.getName()).log(System.Logger.Level.WARNING, partial + " is left", left);
        }
    }
}
