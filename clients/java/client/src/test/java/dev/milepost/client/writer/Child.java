package dev.milepost.client.writer;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/**
 * A program that logs and leaves without closing anything: {@code Child ADDRESS RUN_ID SPOOL_FOLDER POINTS EXIT_MS
 * [SPOOL_BYTES]}.
 * It begins when it is given a line, prints how many points were dropped when all were logged, and ends at the next
 * line.
 */
final class Child {
    private Child() {}

    public static void main(String[] arguments) throws IOException {
        Tracked tracked = new Tracked(arguments[0]);
        WriterOptions options = Tracked.spoolIn(Path.of(arguments[2]))
                .exitTimeout(Duration.ofMillis(Long.parseLong(arguments[4])));
        if (arguments.length > 5) {
            options = options.spoolBytes(Long.parseLong(arguments[5]));
        }
        MetricWriter writer = MetricWriter.open(tracked.calls, arguments[1], options);
        System.out.println("ready");
        System.in.read();
        Tracked.log(writer, "loss", 0, Integer.parseInt(arguments[3]));
        System.out.println(writer.dropped());
        System.in.read();
    }
}
