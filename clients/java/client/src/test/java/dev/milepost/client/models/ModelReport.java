package dev.milepost.client.models;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Map;

/** What Python reads of a model's folder, in one process for all tests, which ends with them. */
final class ModelReport {
    private static final String PYTHON = System.getProperty("milepost.python", "../../../.venv/bin/python");
    private static final Process PROCESS = start();
    private static final BufferedWriter QUESTIONS = PROCESS.outputWriter();
    private static final BufferedReader ANSWERS = PROCESS.inputReader();

    private ModelReport() {}

    private static Process start() {
        try {
            return new ProcessBuilder(PYTHON, "src/test/python/model_report.py")
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    static synchronized Map<String, Object> of(Path folder) throws IOException {
        QUESTIONS.write(folder + "\n");
        QUESTIONS.flush();
        String answer = ANSWERS.readLine();
        if (answer == null) {
            throw new IllegalStateException("Python does not read " + folder + ": see its traceback.");
        }
        return Fields.mapping(Fields.json(answer, "report"), "report");
    }
}
