package dev.milepost.client.serving;

import dev.milepost.client.support.Folders;
import dev.milepost.client.support.TestServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.BooleanSupplier;

/** A model server that all tests of this package share, the models that it serves, and the gates at which they wait. */
final class Served {
    static final Path MODELS;
    static final TestServer SERVER;

    private static final String PYTHON = System.getProperty("milepost.python", "../../../.venv/bin/python");
    private static final String COMMAND = System.getProperty("milepost.command", "../../../.venv/bin/milepost");
    private static final String QUEUE = "32";

    static {
        try {
            MODELS = Files.createTempDirectory("milepost-java-serving-");
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        Folders.deleteAtEnd(MODELS);
        python("make_serving_models.py", MODELS.toString(), TestServer.shared().address());
        SERVER = TestServer.serving(
                TestServer.shared(), "--trust", "--max-queue", QUEUE, source("acting"), source("echo"), source("petals"));
        Runtime.getRuntime().addShutdownHook(new Thread(SERVER::close));
    }

    private Served() {}

    static ModelServer connect() {
        return ModelServer.connect(SERVER.address());
    }

    static String source(String model) {
        return model + "=" + MODELS.resolve(model);
    }

    /** What a script of the tests prints. */
    static String python(String script, String... arguments) {
        List<String> command = new ArrayList<>(List.of(PYTHON, "src/test/python/" + script));
        command.addAll(List.of(arguments));
        return run(command);
    }

    /** What a command of Milepost prints. */
    static String milepost(String... arguments) {
        List<String> command = new ArrayList<>(List.of(COMMAND));
        command.addAll(List.of(arguments));
        return run(command);
    }

    private static String run(List<String> command) {
        try {
            Process process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                throw new IllegalStateException(command + " failed");
            }
            return output;
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }

    /** Where the model `acting` waits, until it is opened. */
    static final class Gate implements AutoCloseable {
        private final Path path;

        Gate() {
            path = newPath();
        }

        Batch batch() {
            return Batch.of(Tensor.of("wait " + path));
        }

        String answer() {
            return "wait " + path;
        }

        void untilReached() {
            until(this::isReached);
        }

        boolean isReached() {
            return Files.exists(path.resolveSibling(path.getFileName() + ".started"));
        }

        void open() {
            try {
                Files.write(path, new byte[0]);
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }

        @Override
        public void close() {
            open();
        }
    }

    /** A file that is not there yet. */
    static Path newPath() {
        return MODELS.resolve("file-" + UUID.randomUUID());
    }

    static void until(BooleanSupplier condition) {
        long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("It did not come to pass within 20 s.");
            }
            try {
                Thread.sleep(5);
            } catch (InterruptedException interrupted) {
                throw new IllegalStateException(interrupted);
            }
        }
    }
}
