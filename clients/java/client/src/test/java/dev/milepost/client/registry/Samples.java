package dev.milepost.client.registry;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import dev.milepost.client.MilepostClient;
import dev.milepost.client.models.Column;
import dev.milepost.client.models.ColumnType;
import dev.milepost.client.models.Flavor;
import dev.milepost.client.models.ModelFolder;
import dev.milepost.client.models.Schema;
import dev.milepost.client.models.Signature;
import dev.milepost.client.models.TensorSpec;
import dev.milepost.client.support.TestServer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** Models for the tests, and what Python reads and writes of them. */
final class Samples {
    private static final String PYTHON = System.getProperty("milepost.python", "../../../.venv/bin/python");

    private Samples() {}

    static MilepostClient client() {
        return MilepostClient.connect(TestServer.shared().address());
    }

    /** A name that nothing else on the shared server has. */
    static String unique(String name) {
        return name + "-" + UUID.randomUUID().toString().substring(0, 8);
    }

    /** A model of several files, one of them in a folder and with a name that is not of ASCII. */
    static ModelFolder save(Path path) throws IOException {
        byte[] weights = new byte[3_000_000];
        for (int index = 0; index < weights.length; index++) {
            weights[index] = (byte) (index * 31 + index / 256);
        }
        return ModelFolder.builder()
                .flavor(Flavor.named("bytes")
                        .file("model.bin", weights)
                        .file("sub folder/Größe 😀.txt", "Ümläut\r\n".getBytes(UTF_8))
                        .file("empty", new byte[0])
                        .option("data", "model.bin"))
                .signature(Signature.of(
                        Schema.columns(Column.of("größe \"cm\"", ColumnType.LONG)),
                        Schema.tensors(TensorSpec.unnamed("float32", -1))))
                .save(path);
    }

    /** A ready model that no run made. */
    static LoggedModelHandle logged(MilepostClient client, Path scratch) throws IOException {
        return client.loggedModels()
                .publish(NewLoggedModel.withoutRun("0", "sample"), save(scratch.resolve(unique("folder"))));
    }

    /** What a script prints: a {@link Struct} in base64. */
    static Map<String, Value> python(String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(PYTHON, "src/test/python/registry_interop.py"));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        byte[] answer = process.getInputStream().readAllBytes();
        if (process.waitFor() != 0) {
            throw new IllegalStateException(command + " failed: see its traceback.");
        }
        return Struct.parseFrom(Base64.getMimeDecoder().decode(answer)).getFieldsMap();
    }
}
