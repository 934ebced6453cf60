package dev.milepost.client.artifacts;

import com.google.protobuf.ByteString;

/** Collects bytes in memory. */
final class BytesSink implements Sink<byte[]> {
    private static final int MOST = Integer.MAX_VALUE - 8;

    private byte[] bytes;
    private int position;

    @Override
    public void begin(long size) {
        if (size > MOST) {
            throw new IllegalArgumentException(
                    size + " bytes do not fit into an array. Read a range of the artifact, open or download it.");
        }
        bytes = new byte[(int) size];
    }

    @Override
    public void take(ByteString data, Runnable taken) {
        data.copyTo(bytes, position);
        position += data.size();
        taken.run();
    }

    @Override
    public byte[] end() {
        return bytes;
    }

    @Override
    public void abort() {
        bytes = null;
    }
}
