package dev.milepost.client.tracking;

import dev.milepost.client.calls.Connection;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Where a run's code comes from: the tags of every run that is started here. Never fails, and takes bounded time. */
final class Provenance {
    static final Duration TIMEOUT = Duration.ofSeconds(2);
    private static final Path KERNEL_NAME = Path.of("/proc/sys/kernel/hostname");

    private Provenance() {}

    /** The tags of this process, whose working directory tells the code's git repository. */
    static Map<String, String> tags() {
        String main = System.getProperty("sun.java.command", "");
        Map<String, String> found = new LinkedHashMap<>();
        found.put("milepost.host", within(TIMEOUT, Provenance::host, ""));
        found.put("milepost.command", CommandLine.ofThisProcess());
        found.put("milepost.java.version", System.getProperty("java.version", ""));
        found.put("milepost.source", main.split(" ", 2)[0]);
        found.putAll(within(TIMEOUT, () -> GitTags.of(Path.of("").toAbsolutePath()), Map.of()));
        found.values().removeIf(String::isEmpty);
        return found;
    }

    /** The name of the user who runs this process. Empty when the system does not know. */
    static String user() {
        String name = System.getProperty("user.name", "");
        return name.equals("?") ? "" : name;
    }

    /** What the system calls itself, if it can be, without asking a name server. */
    private static String host() throws UnknownHostException {
        try {
            return Files.readString(KERNEL_NAME).strip();
        } catch (IOException noLinux) {
            String windows = System.getenv("COMPUTERNAME");
            return windows == null ? InetAddress.getLocalHost().getHostName() : windows;
        }
    }

    private static <T> T within(Duration timeout, Callable<T> look, T otherwise) {
        FutureTask<T> task = new FutureTask<>(look);
        Connection.daemon("milepost-provenance").newThread(task).start();
        try {
            return task.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException unknown) {
            // The run is started without it.
        }
        task.cancel(true);
        return otherwise;
    }
}
