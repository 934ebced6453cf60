package dev.milepost.client.registry;

import static dev.milepost.client.registry.Samples.unique;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.protobuf.Value;
import dev.milepost.client.MilepostClient;
import dev.milepost.client.models.ModelFolder;
import dev.milepost.client.support.TestServer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PythonInteropTest {
    @TempDir
    private Path scratch;

    private final String name = unique("interop");

    @Test
    void pythonReadsWhatJavaPublishedToTheByte() throws Exception {
        ModelFolder folder = Samples.save(scratch.resolve("model"));
        try (MilepostClient client = Samples.client()) {
            client.loggedModels()
                    .publish(
                            NewLoggedModel.withoutRun("0", name).params(Map.of("lr", 0.1, "größe", "😀")), folder)
                    .register(Registration.as(name).alias("champion").tag("größe", "😀"));
        }
        Map<String, Value> read =
                Samples.python("read", TestServer.shared().address(), "models:/" + name + "@champion");
        assertSameFiles(read, folder.path());
        assertEquals(folder.digest(), read.get("digest").getStringValue());
        assertEquals(folder.digest(), read.get("sha256").getStringValue());
        assertEquals(1, read.get("version").getNumberValue());
        assertEquals("READY", read.get("status").getStringValue());
        assertEquals(
                "😀", read.get("tags").getStructValue().getFieldsOrThrow("größe").getStringValue());
        assertEquals(
                0.1, read.get("params").getStructValue().getFieldsOrThrow("lr").getNumberValue());
        assertEquals(
                List.copyOf(folder.flavors().keySet()),
                read.get("flavors").getListValue().getValuesList().stream()
                        .map(Value::getStringValue)
                        .toList());
        assertEquals(
                folder.signature().orElseThrow().toJson(), read.get("signature").getStringValue());
    }

    @Test
    void javaDownloadsWhatPythonLoggedToTheByte() throws Exception {
        Map<String, Value> written = Samples.python("write", TestServer.shared().address(), name);
        try (MilepostClient client = Samples.client()) {
            Path folder =
                    client.modelVersions().download("models:/" + name + "@champion", scratch.resolve("model"));
            assertSameFiles(written, folder);
            assertEquals(
                    written.get("digest").getStringValue(), ModelFolder.digestOf(ModelFolder.verify(folder)));
        }
    }

    private static void assertSameFiles(Map<String, Value> python, Path folder) throws Exception {
        Map<String, Value> files = python.get("files").getStructValue().getFieldsMap();
        Set<String> paths = new TreeSet<>();
        ModelFolder.list(folder).forEach(file -> paths.add(file.getPath()));
        paths.remove("SHA256SUMS");
        assertEquals(paths, new TreeSet<>(files.keySet()));
        for (Map.Entry<String, Value> file : files.entrySet()) {
            byte[] content = Base64.getDecoder().decode(file.getValue().getStringValue());
            assertArrayEquals(content, Files.readAllBytes(folder.resolve(file.getKey())), file.getKey());
        }
    }
}
