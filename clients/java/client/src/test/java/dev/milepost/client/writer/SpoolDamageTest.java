package dev.milepost.client.writer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** A damaged file gives the batches before the damage, and never wrong ones. */
class SpoolDamageTest {
    private static Path folder;

    @BeforeContainer
    static void makeFolder() throws IOException {
        folder = Files.createTempDirectory("milepost-java-");
    }

    @AfterContainer
    static void removeFolder() throws IOException {
        Files.delete(folder);
    }

    @Provide
    Arbitrary<List<Batch>> batches() {
        Arbitrary<byte[]> wires = Arbitraries.bytes().array(byte[].class).ofMaxSize(100);
        Arbitrary<String> ids = Arbitraries.strings().alpha().ofMaxLength(64);
        return Combinators.combine(ids, Arbitraries.integers().greaterOrEqual(0), wires, ids, Arbitraries.longs())
                .as(Batch::new)
                .list()
                .ofMinSize(1)
                .ofMaxSize(5);
    }

    @Property(tries = 60)
    void aFileCutAnywhereGivesAPrefix(@ForAll("batches") List<Batch> batches, @ForAll int place) throws IOException {
        Path path = SpoolTest.written(folder, batches);
        byte[] whole = Files.readAllBytes(path);
        Files.write(path, Arrays.copyOf(whole, Math.floorMod(place, whole.length)));
        assertPrefix(batches, path, false);
    }

    @Property(tries = 100)
    void aFlippedBitGivesAPrefixToo(@ForAll("batches") List<Batch> batches, @ForAll int place) throws IOException {
        Path path = SpoolTest.written(folder, batches);
        byte[] whole = Files.readAllBytes(path);
        int bit = Math.floorMod(place, whole.length * 8);
        whole[bit / 8] ^= (byte) (1 << bit % 8);
        Files.write(path, whole);
        // The mark has no checksum: damaged, it may be that of another file, of which nothing is read then.
        assertPrefix(batches, path, bit / 8 >= 8 && bit / 8 < 16);
    }

    private static void assertPrefix(List<Batch> batches, Path path, boolean mayLackFirst) throws IOException {
        try {
            Spool spool = Spool.adopt(path);
            int read = 0;
            try {
                for (long offset = spool.first(); offset < spool.size(); ) {
                    Spool.Record next = spool.read(offset);
                    if (!mayLackFirst) {
                        assertArrayEquals(batches.get(read).wire(), next.batch().wire());
                        assertEquals(batches.get(read).runId(), next.batch().runId());
                        assertEquals(batches.get(read).sequence(), next.batch().sequence());
                    }
                    offset = next.end();
                    read++;
                }
            } catch (SpoolDamagedException found) {
                assertTrue(read < batches.size());
            } finally {
                spool.remove();
            }
        } catch (SpoolDamagedException fromItsBeginning) {
            Files.delete(path);
        } catch (SpoolInUseException impossible) {
            throw new AssertionError(impossible);
        }
    }
}
