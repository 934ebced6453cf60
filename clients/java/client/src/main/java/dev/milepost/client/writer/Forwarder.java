package dev.milepost.client.writer;

import dev.milepost.client.calls.Calls;
import dev.milepost.client.calls.Connection;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** A thread that sends what is left for a server in the spool folder, beside a writer. */
final class Forwarder {
    private static final System.Logger LOG = System.getLogger(MetricWriter.class.getName());
    private static final long STOP_MS = 2_000;

    private final Calls calls;
    private final SpoolSender sender;
    private final Thread thread;
    private volatile boolean isStopped;

    /** Starts the thread, if there is any file. */
    Forwarder(Calls calls, Path folder) {
        this.calls = calls;
        this.sender = new SpoolSender(calls);
        List<Path> files = SpoolFolder.files(folder);
        thread = Connection.daemon("milepost-sync").newThread(() -> files.forEach(this::forward));
        if (!files.isEmpty()) {
            thread.start();
        }
    }

    /** Ends the thread; files that were not sent stay. */
    void stop() throws InterruptedException {
        isStopped = true;
        sender.stop();
        thread.join(STOP_MS);
    }

    private void forward(Path file) {
        if (isStopped) {
            return;
        }
        Spool spool;
        try {
            spool = Spool.adopt(file);
        } catch (SpoolInUseException | SpoolDamagedException | IOException notOurs) {
            return;
        }
        if (!spool.address().equals(calls.settings().address())) {
            spool.close();
            return;
        }
        SpoolSender.Sent sent = sender.send(spool);
        if (sent.refused() > 0 || sent.damagedBytes() > 0) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "Of values that an earlier program left in " + file + ", " + sent.refused() + " were refused ("
                            + String.join("; ", sent.problems()) + ") and " + sent.damagedBytes()
                            + " bytes were damaged.");
        }
    }
}
