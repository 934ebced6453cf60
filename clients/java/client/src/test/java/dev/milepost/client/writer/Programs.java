package dev.milepost.client.writer;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Other processes. */
final class Programs {
    private static final String PYTHON = System.getProperty("milepost.python", "../../../.venv/bin/python");
    private static final String COMMAND = System.getProperty("milepost.command", "../../../.venv/bin/milepost");

    private Programs() {}

    static Process start(List<String> command) {
        try {
            return new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** The script with which Python reads and writes spool files. */
    static Process python(String... arguments) {
        List<String> command = new ArrayList<>(List.of(PYTHON, "src/test/python/spool_files.py"));
        command.addAll(List.of(arguments));
        return start(command);
    }

    static Process milepost(String... arguments) {
        List<String> command = new ArrayList<>(List.of(COMMAND));
        command.addAll(List.of(arguments));
        return start(command);
    }

    /** What a program prints until it ends. */
    static String output(Process process) {
        try {
            return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
