package dev.milepost.client.artifacts;

import com.google.protobuf.ByteString;
import java.io.IOException;

/**
 * Takes the bytes of a download, in order. Its methods are called one at a time.
 *
 * @param <T> what there is in the end
 */
interface Sink<T> {
    /** Is told the number of bytes that will come, once and before they do. */
    void begin(long size) throws IOException;

    /**
     * Takes bytes.
     *
     * @param data the bytes
     * @param taken to be called once, by any thread, when there is room for as many more
     */
    void take(ByteString data, Runnable taken) throws IOException;

    /** All bytes came, and are right. */
    T end() throws IOException;

    /** The download was given up. May come several times, and after anything but an {@link #end} that ended well. */
    void abort();
}
