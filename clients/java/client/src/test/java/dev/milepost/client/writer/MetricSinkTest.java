package dev.milepost.client.writer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.milepost.client.support.TestServer;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricSinkTest {
    private final Tracked tracked = new Tracked(TestServer.shared().address());
    private final String run = tracked.newRun();

    @TempDir
    private Path spool;

    @AfterEach
    void disconnect() {
        tracked.close();
    }

    @Test
    void tasksOfOneJvmShareAWriterAndTheEndOfEachStoresItsPoints() throws Exception {
        byte[] closure = serialized(sink());
        ExecutorService executor = Executors.newFixedThreadPool(4);
        List<Future<?>> tasks = new ArrayList<>();
        for (int task = 0; task < 12; task++) {
            int first = task * 1000;
            tasks.add(executor.submit(() -> {
                try (MetricWriter writer = deserialized(closure).writer()) {
                    for (int step = first; step < first + 1000; step++) {
                        writer.log("loss", 0.5, step);
                    }
                }
                long[] mine = LongStream.of(tracked.steps(run, "loss"))
                        .filter(step -> step >= first && step < first + 1000)
                        .toArray();
                assertArrayEquals(LongStream.range(first, first + 1000).toArray(), mine);
                return null;
            }));
        }
        for (Future<?> task : tasks) {
            task.get();
        }
        executor.shutdown();
        long[] steps = tracked.steps(run, "loss");
        Arrays.sort(steps);
        assertArrayEquals(LongStream.range(0, 12_000).toArray(), steps);
    }

    @Test
    void aWriterOutlivesTheTasksThatCloseBeforeOthers() {
        MetricWriter first = sink().writer();
        MetricWriter second = sink().writer();
        first.log("loss", 1, 1);
        first.close();
        first.close();
        assertArrayEquals(new long[] {1}, tracked.steps(run, "loss"));
        second.log("loss", 2, 2);
        second.close();
        MetricWriter third = sink().writer();
        third.log("loss", 3, 3);
        third.close();
        second.log("loss", 4, 4);
        assertEquals(1, second.dropped());
        assertArrayEquals(new long[] {1, 2, 3}, tracked.steps(run, "loss"));
    }

    @Test
    void itSerializesWithItsOptionsAndShowsNoToken() throws Exception {
        MetricSink sink = sink().token("secret").tls(Path.of("ca.pem"));
        assertEquals(sink, deserialized(serialized(sink)));
        assertFalse(sink.toString().contains("secret"));
    }

    @Test
    void whatCannotWorkIsRefusedWhereItIsMade() {
        assertThrows(IllegalArgumentException.class, () -> MetricSink.of("http://x", run));
        assertThrows(IllegalArgumentException.class, () -> MetricSink.of("x:1", ""));
        assertThrows(
                IllegalArgumentException.class, () -> MetricSink.of("x:1", run).token("secret").writer());
    }

    private MetricSink sink() {
        return MetricSink.of(TestServer.shared().address(), run)
                .options(Tracked.spoolIn(spool).delay(Duration.ofMillis(50)));
    }

    private static byte[] serialized(MetricSink sink) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream output = new ObjectOutputStream(bytes)) {
            output.writeObject(sink);
        }
        return bytes.toByteArray();
    }

    private static MetricSink deserialized(byte[] bytes) throws IOException, ClassNotFoundException {
        try (ObjectInputStream input = new ObjectInputStream(new ByteArrayInputStream(bytes))) {
            return (MetricSink) input.readObject();
        }
    }
}
