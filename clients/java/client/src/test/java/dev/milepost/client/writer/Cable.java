package dev.milepost.client.writer;

import dev.milepost.client.support.TestServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** The way to a server, which can be cut and mended. While it is cut, connections end as soon as they begin. */
final class Cable implements AutoCloseable {
    private final int serverPort;
    private final ServerSocket entry;
    private final Set<Socket> ends = ConcurrentHashMap.newKeySet();
    private boolean isCut;

    Cable(TestServer server) {
        serverPort = Integer.parseInt(server.address().replaceAll(".*:", ""));
        try {
            entry = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        start(this::accept);
    }

    String address() {
        return "127.0.0.1:" + entry.getLocalPort();
    }

    synchronized void mend() {
        isCut = false;
    }

    synchronized void cut() {
        isCut = true;
        ends.forEach(Cable::close);
        ends.clear();
    }

    @Override
    public void close() {
        cut();
        close(entry);
    }

    private void accept() {
        try {
            while (true) {
                connect(entry.accept());
            }
        } catch (IOException closed) {
            // That is all.
        }
    }

    private synchronized void connect(Socket client) throws IOException {
        if (isCut) {
            close(client);
            return;
        }
        Socket server = new Socket(InetAddress.getLoopbackAddress(), serverPort);
        ends.add(client);
        ends.add(server);
        start(() -> pass(client, server));
        start(() -> pass(server, client));
    }

    private static void pass(Socket from, Socket to) {
        try {
            from.getInputStream().transferTo(to.getOutputStream());
        } catch (IOException closed) {
            // As below.
        }
        close(from);
        close(to);
    }

    private static void start(Runnable task) {
        Thread thread = new Thread(task, "cable");
        thread.setDaemon(true);
        thread.start();
    }

    private static void close(AutoCloseable end) {
        try {
            end.close();
        } catch (Exception alreadyClosed) {
            // It is what was wanted.
        }
    }
}
