package dev.milepost.client.support;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A real server in a process of its own: {@code milepost server} or {@code milepost serve}, on 127.0.0.1. It can be
 * killed and started again on the same ports and data. The command is the system property {@code milepost.command},
 * else that of this tree's virtual environment, which {@code make setup} makes.
 */
public final class TestServer implements AutoCloseable {
    private static final Pattern READY = Pattern.compile("gRPC on 127\\.0\\.0\\.1:(\\d+), HTTP on http://127\\.0\\.0\\.1:(\\d+)");
    private static final String COMMAND = System.getProperty("milepost.command", "../../../.venv/bin/milepost");
    private static TestServer shared;

    private final List<String> arguments;
    private final Path log;
    private Process process;
    private int grpcPort;
    private int httpPort;

    private TestServer(List<String> arguments, Path log) {
        this.arguments = arguments;
        this.log = log;
        start();
    }

    /** A tracking server on an empty folder, stopped when the tests end, that all tests share. */
    public static synchronized TestServer shared() {
        if (shared == null) {
            shared = tracking();
            Runtime.getRuntime().addShutdownHook(new Thread(shared::close));
        }
        return shared;
    }

    /** A tracking server of the caller's own, on an empty folder. */
    public static TestServer tracking(String... more) {
        Path folder = newFolder();
        List<String> arguments = new ArrayList<>(List.of(
                "server", "--data-dir", folder.resolve("data").toString(), "--drain-s", "1"));
        arguments.addAll(List.of(more));
        return new TestServer(arguments, folder.resolve("server.log"));
    }

    /** A model server that serves given sources. */
    public static TestServer serving(TestServer registry, String... sources) {
        List<String> arguments = new ArrayList<>(List.of(
                "serve", "--tracking-uri", registry.address(), "--spares", "0", "--drain-s", "1"));
        arguments.addAll(List.of(sources));
        return new TestServer(arguments, newFolder().resolve("server.log"));
    }

    /** The gRPC address. */
    public String address() {
        return "127.0.0.1:" + grpcPort;
    }

    /** The base URL, without a slash at the end. */
    public String url() {
        return "http://127.0.0.1:" + httpPort;
    }

    /** The id of the process. */
    public long pid() {
        return process.pid();
    }

    /** Ends it at once, as a crash would: whatever was not committed is gone. */
    public void kill() {
        process.destroyForcibly();
        waitForEnd();
    }

    /** Starts it again, after {@link #kill}, on the same ports and data. */
    public void start() {
        List<String> command = new ArrayList<>(List.of(COMMAND));
        command.addAll(arguments);
        command.addAll(List.of("--grpc-port", String.valueOf(grpcPort), "--http-port", String.valueOf(httpPort)));
        try {
            process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()))
                    .start();
            BufferedReader output =
                    new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
            for (String line = output.readLine(); line != null; line = output.readLine()) {
                Matcher ready = READY.matcher(line);
                if (ready.find()) {
                    grpcPort = Integer.parseInt(ready.group(1));
                    httpPort = Integer.parseInt(ready.group(2));
                    return;
                }
            }
            waitForEnd();
            throw new IllegalStateException(command + " did not start: " + Files.readString(log));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** Ends it in good order. */
    @Override
    public void close() {
        process.destroy();
        waitForEnd();
    }

    private void waitForEnd() {
        try {
            if (!process.waitFor(30, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static Path newFolder() {
        try {
            Path folder = Files.createTempDirectory("milepost-java-");
            Folders.deleteAtEnd(folder);
            return folder;
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
