package dev.milepost.benchmarks;

import dev.milepost.client.MilepostClient;
import dev.milepost.client.tracking.NewRun;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Random;

/**
 * How fast a file goes up and comes down. Prints a line of JSON: MiB/s of each, the median of three rounds after five
 * that do not count, in which the JVM compiles what is used.
 */
public final class ArtifactTransfer {
    private static final int WARM_UP_ROUNDS = 5;
    private static final int ROUNDS = 3;
    private static final int MIB = 1024 * 1024;

    private ArtifactTransfer() {}

    /**
     * Runs it.
     *
     * @param arguments the server's address; a run's id, or {@code -} for a new run; MiB of the file, by default 200
     * @throws IOException when the file cannot be written here
     */
    public static void main(String[] arguments) throws IOException {
        int mib = arguments.length > 2 ? Integer.parseInt(arguments[2]) : 200;
        Path folder = Files.createTempDirectory("milepost-transfer-");
        Path source = folder.resolve("up.bin");
        Path target = folder.resolve("down.bin");
        try (MilepostClient client = MilepostClient.connect(arguments[0])) {
            boolean isNew = arguments.length < 2 || arguments[1].equals("-");
            String runId = isNew ? client.runs().create(NewRun.inDefault()).id() : arguments[1];
            write(source, mib);
            double[] up = new double[ROUNDS];
            double[] down = new double[ROUNDS];
            for (int round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
                long began = System.nanoTime();
                client.artifacts().upload(runId, source, "transfer.bin");
                long uploaded = System.nanoTime();
                client.artifacts().download(runId, "transfer.bin", target);
                long downloaded = System.nanoTime();
                if (round >= 0) {
                    up[round] = rate(mib, uploaded - began);
                    down[round] = rate(mib, downloaded - uploaded);
                }
            }
            System.out.printf(
                    Locale.ROOT,
                    "{\"mib\": %d, \"up_mib_per_s\": %.1f, \"down_mib_per_s\": %.1f}%n",
                    mib,
                    median(up),
                    median(down));
        } finally {
            Files.deleteIfExists(source);
            Files.deleteIfExists(target);
            Files.delete(folder);
        }
    }

    private static void write(Path file, int mib) throws IOException {
        Random random = new Random(7);
        byte[] block = new byte[MIB];
        try (OutputStream output = Files.newOutputStream(file)) {
            for (int count = 0; count < mib; count++) {
                random.nextBytes(block);
                output.write(block);
            }
        }
    }

    private static double rate(int mib, long nanos) {
        return mib / (nanos / 1e9);
    }

    private static double median(double[] rates) {
        Arrays.sort(rates);
        return rates[rates.length / 2];
    }
}
