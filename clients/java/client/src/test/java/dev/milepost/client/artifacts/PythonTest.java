package dev.milepost.client.artifacts;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.milepost.client.support.TestServer;
import dev.milepost.v1.Artifact;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What Java uploads Python downloads, and the other way round. */
class PythonTest {
    private static final String PYTHON = System.getProperty("milepost.python", "../../../.venv/bin/python");
    private static final TestServer SERVER = TestServer.shared();

    @Test
    void filesAreTheSameInJavaAndPython(@TempDir Path folder) throws Exception {
        try (Client client = new Client(SERVER.address())) {
            String run = client.run();
            Path tree = Trees.make(folder.resolve("tree"));
            Trees.write(tree.resolve("large.bin"), Trees.random(9 * 1024 * 1024));
            Map<String, String> digests = Trees.digests(tree);

            client.artifacts.upload(run, tree, "java");
            python(run, "java", folder.resolve("python"), "python");
            assertEquals(digests, Trees.digests(folder.resolve("python")));

            Path back = client.artifacts.download(run, "python", folder.resolve("back"));
            assertEquals(digests, Trees.digests(back));
            Map<String, String> recorded = client.artifacts.list(run, "python", true).stream()
                    .collect(Collectors.toMap(one -> one.getPath().substring("python/".length()), Artifact::getSha256));
            assertEquals(digests, recorded);
        }
    }

    private static void python(String run, String path, Path folder, String back)
            throws IOException, InterruptedException {
        Process process = new ProcessBuilder(
                        PYTHON,
                        "src/test/python/artifacts_interop.py",
                        SERVER.address(),
                        run,
                        path,
                        folder.toString(),
                        back)
                .inheritIO()
                .start();
        assertEquals(0, process.waitFor());
    }
}
