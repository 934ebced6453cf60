package dev.milepost.client.tracking;

import dev.milepost.client.values.PartialFile;
import dev.milepost.v1.ExportMetricHistoryRequest;
import dev.milepost.v1.ExportMetricHistoryResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.util.List;

/** Exported bytes on their way to a stream, or to a file that appears when it is complete. */
final class ArrowFile implements WholeStream.Sink<ExportMetricHistoryResponse, Long> {
    private final OutputStream out;
    private final PartialFile file;
    private long bytes;

    private ArrowFile(OutputStream out, PartialFile file) {
        this.out = out;
        this.file = file;
    }

    static ExportMetricHistoryRequest request(String runId, String... keys) {
        return ExportMetricHistoryRequest.newBuilder()
                .setRunId(runId)
                .addAllMetricKeys(List.of(keys))
                .build();
    }

    static ArrowFile to(OutputStream out) {
        return new ArrowFile(out, null);
    }

    static ArrowFile to(Path target) throws IOException {
        PartialFile file = new PartialFile(target);
        return new ArrowFile(Channels.newOutputStream(file.channel()), file);
    }

    @Override
    public void take(ExportMetricHistoryResponse message) throws IOException {
        message.getBody().getData().writeTo(out);
        bytes += message.getBody().getData().size();
    }

    @Override
    public Long finish() throws IOException {
        if (file == null) {
            out.flush();
        } else {
            file.complete();
        }
        return bytes;
    }

    @Override
    public void abandon() {
        if (file != null) {
            file.abandon();
        }
    }
}
