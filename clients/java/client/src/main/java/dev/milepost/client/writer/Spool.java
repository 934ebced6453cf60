package dev.milepost.client.writer;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.CRC32;

/**
 * A spool file of this process, open and locked: batches that wait on disk while their server is away, or after their
 * program ended. The Python client writes and reads the same.
 *
 * <p>A file begins with {@code MPSPOOL1} and, as a uint64, the offset up to which all records were answered. Records
 * follow: the length of the content and its CRC-32 as two uint32, then the content. All numbers are little-endian. The
 * content of the first record is the server's address. That of the others is a batch: the lengths of {@code run_id} and
 * {@code writer_id} as two uint8, {@code sequence} as a uint64 and {@code values} as a uint32, then the two ids and
 * {@code wire}.
 *
 * <p>A file belongs to the process that holds its lock. What is written survives the end of the process, however it
 * comes; it is not flushed to the disk, so a loss of power may cost the last seconds.
 */
final class Spool {
    static final String SUFFIX = ".spool";

    private static final byte[] MAGIC = "MPSPOOL1".getBytes(UTF_8);
    private static final int FIRST_RECORD = MAGIC.length + Long.BYTES;
    private static final int FRAME = 2 * Integer.BYTES;
    private static final int HEAD = 2 + Long.BYTES + Integer.BYTES;
    private static final int MAX_CONTENT = 64 << 20;

    /** Size of the open files that this JVM made. */
    private static final AtomicLong OWN_BYTES = new AtomicLong();

    private final Path path;
    private final FileChannel channel;
    private final String address;
    private final boolean isOwn;
    private long first;
    private long size;

    /**
     * A record.
     *
     * @param batch what it holds
     * @param end where it ends
     */
    record Record(Batch batch, long end) {}

    private Spool(Path path, FileChannel channel, String address, long first, boolean isOwn) throws IOException {
        this.path = path;
        this.channel = channel;
        this.address = address;
        this.isOwn = isOwn;
        this.first = first;
        grow(channel.size());
    }

    /** Makes a new file in a folder, which is made as well. */
    static Spool create(Path folder, String address) throws IOException {
        Path path = SpoolFolder.newPath(folder);
        // Under its own name it is locked and has its beginning, so that nobody finds it damaged.
        Path unready = path.resolveSibling(path.getFileName() + ".new");
        SpoolFolder.makeFile(unready);
        OpenSpools.add(path.toString());
        FileChannel channel = null;
        try {
            channel = FileChannel.open(unready, StandardOpenOption.READ, StandardOpenOption.WRITE);
            try {
                lock(channel, path);
            } catch (SpoolInUseException noLocks) {
                // Without locks, nobody else takes the file either.
            }
            byte[] content = address.getBytes(UTF_8);
            ByteBuffer head = littleEndian(FIRST_RECORD + FRAME + content.length);
            head.put(MAGIC).putLong(head.capacity()).putInt(content.length).putInt(crc(content)).put(content);
            write(channel, 0, head.flip());
            Files.move(unready, path, StandardCopyOption.ATOMIC_MOVE);
            return new Spool(path, channel, address, head.capacity(), true);
        } catch (IOException | RuntimeException error) {
            release(channel, path);
            Files.deleteIfExists(unready);
            throw error;
        }
    }

    /**
     * Takes a file that another process, or a closed writer, left.
     *
     * @throws SpoolInUseException when somebody has it still, or was faster
     * @throws SpoolDamagedException when not even the beginning can be read
     * @throws IOException when it cannot be opened
     */
    static Spool adopt(Path found) throws SpoolInUseException, SpoolDamagedException, IOException {
        Path path = found.toRealPath();
        if (!OpenSpools.add(path.toString())) {
            throw new SpoolInUseException(path + " is in use by this JVM");
        }
        FileChannel channel = null;
        try {
            channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
            lock(channel, path);
            if (!Files.exists(path)) { // sent and removed by the one who held the lock
                throw new SpoolInUseException(path + " is gone");
            }
            byte[] address = readContent(channel, FIRST_RECORD);
            ByteBuffer head = read(channel, 0, FIRST_RECORD);
            byte[] magic = new byte[MAGIC.length];
            long first = head.get(magic).getLong();
            long begin = FIRST_RECORD + FRAME + (long) address.length;
            if (!Arrays.equals(magic, MAGIC) || first < begin || first > channel.size()) {
                throw new SpoolDamagedException(path + " has no beginning");
            }
            return new Spool(path, channel, new String(address, UTF_8), first, false);
        } catch (IOException | RuntimeException | SpoolInUseException | SpoolDamagedException error) {
            release(channel, path);
            throw error;
        }
    }

    /** {@return the server of the batches} */
    String address() {
        return address;
    }

    Path path() {
        return path;
    }

    /** {@return the offset of the first record that was not answered} */
    long first() {
        return first;
    }

    long size() {
        return size;
    }

    /**
     * Writes a batch behind the others. Returns where it ends.
     *
     * @throws IOException when the files of this JVM would become larger than {@code limit}, or the disk refuses it
     */
    long append(Batch batch, long limit) throws IOException {
        byte[] runId = batch.runId().getBytes(UTF_8);
        byte[] writerId = batch.writerId().getBytes(UTF_8);
        int length = HEAD + runId.length + writerId.length + batch.wire().length;
        if (OWN_BYTES.get() + FRAME + length > limit) {
            throw new IOException("The files in " + path.getParent() + " have reached " + limit + " bytes");
        }
        ByteBuffer record = littleEndian(FRAME + length).position(FRAME);
        record.put((byte) runId.length).put((byte) writerId.length);
        record.putLong(batch.sequence()).putInt(batch.values());
        record.put(runId).put(writerId).put(batch.wire());
        CRC32 checksum = new CRC32();
        checksum.update(record.flip().position(FRAME));
        record.putInt(0, length).putInt(Integer.BYTES, (int) checksum.getValue());
        try {
            write(channel, size, record.rewind());
        } catch (IOException error) {
            try {
                channel.truncate(size);
            } catch (IOException ignored) {
                // Then the next record overwrites it.
            }
            throw error;
        }
        grow(record.capacity());
        return size;
    }

    /** {@return the record that begins at an offset} */
    Record read(long offset) throws SpoolDamagedException, IOException {
        ByteBuffer content = ByteBuffer.wrap(readContent(channel, offset)).order(ByteOrder.LITTLE_ENDIAN);
        int length = content.remaining();
        if (length < HEAD) {
            throw new SpoolDamagedException(path + " at " + offset);
        }
        byte[] runId = new byte[Byte.toUnsignedInt(content.get())];
        byte[] writerId = new byte[Byte.toUnsignedInt(content.get())];
        long sequence = content.getLong();
        int values = content.getInt();
        if (content.remaining() < runId.length + writerId.length) {
            throw new SpoolDamagedException(path + " at " + offset);
        }
        byte[] wire = new byte[content.remaining() - runId.length - writerId.length];
        content.get(runId).get(writerId).get(wire);
        Batch batch = new Batch(new String(runId, UTF_8), values, wire, new String(writerId, UTF_8), sequence);
        return new Record(batch, offset + FRAME + length);
    }

    /** Notes that all before an offset was answered, so that it is not sent again. */
    void mark(long offset) throws IOException {
        first = offset;
        write(channel, MAGIC.length, littleEndian(Long.BYTES).putLong(offset).flip());
    }

    /** Removes what follows an offset. Returns how many bytes that were. */
    long cut(long offset) throws IOException {
        long lost = size - offset;
        channel.truncate(offset);
        grow(-lost);
        return lost;
    }

    /** Deletes the file. */
    void remove() {
        try {
            if (SpoolFolder.REMOVES_OPEN_FILES) {
                // While it is locked: nobody can take it in between.
                Files.deleteIfExists(path);
                close();
            } else {
                close();
                Files.deleteIfExists(path);
            }
        } catch (IOException left) {
            close(); // all of it is marked as answered
        }
    }

    /** Leaves the file to whoever takes it. */
    void close() {
        if (channel.isOpen()) {
            release(channel, path);
            grow(-size);
        }
    }

    private void grow(long bytes) {
        size += bytes;
        if (isOwn) {
            OWN_BYTES.addAndGet(bytes);
        }
    }

    private static void release(FileChannel channel, Path path) {
        try {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException closedAllTheSame) {
            // The lock is gone with the descriptor.
        } finally {
            OpenSpools.remove(path.toString());
        }
    }

    /** Takes one byte at a place that nobody reads: on Windows such a lock forbids reading too. */
    private static void lock(FileChannel channel, Path path) throws SpoolInUseException {
        try {
            if (channel.tryLock(MAX_CONTENT, 1, false) != null) {
                return;
            }
        } catch (IOException | OverlappingFileLockException refused) {
            // As below.
        }
        throw new SpoolInUseException(path + " is locked, or its file system has no locks");
    }

    private static byte[] readContent(FileChannel channel, long offset) throws SpoolDamagedException, IOException {
        try {
            ByteBuffer frame = read(channel, offset, FRAME);
            long length = Integer.toUnsignedLong(frame.getInt());
            int checksum = frame.getInt();
            if (length <= Math.min(MAX_CONTENT, channel.size() - offset - FRAME)) {
                byte[] content = read(channel, offset + FRAME, (int) length).array();
                if (crc(content) == checksum) {
                    return content;
                }
            }
        } catch (EOFException tooShort) {
            // As below.
        }
        throw new SpoolDamagedException("bad record at " + offset);
    }

    private static ByteBuffer read(FileChannel channel, long offset, int length) throws IOException {
        ByteBuffer content = littleEndian(length);
        while (content.hasRemaining()) {
            if (channel.read(content, offset + content.position()) < 0) {
                throw new EOFException();
            }
        }
        return content.flip();
    }

    private static void write(FileChannel channel, long offset, ByteBuffer content) throws IOException {
        long place = offset;
        while (content.hasRemaining()) {
            place += channel.write(content, place);
        }
    }

    private static ByteBuffer littleEndian(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static int crc(byte[] content) {
        CRC32 checksum = new CRC32();
        checksum.update(content);
        return (int) checksum.getValue();
    }
}
