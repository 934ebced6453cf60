package dev.milepost.client.writer;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SpoolTest {
    static final long LIMIT = 1L << 30;
    static final List<Batch> BATCHES = List.of(
            new Batch("run", 3, "points".getBytes(UTF_8), "writer", 1),
            new Batch("run", 1, new byte[0], "", 0),
            new Batch("r".repeat(64), 20_000, new byte[256_000], "w".repeat(64), Long.MAX_VALUE));

    @TempDir
    private Path folder;

    @Test
    void batchesAreReadAsTheyWereWritten() throws Exception {
        Spool spool = Spool.adopt(written(folder, BATCHES));
        assertEquals("host:1", spool.address());
        assertSame(BATCHES, readAll(spool));
        spool.close();
    }

    @Test
    void whatWasMarkedIsNotReadAgain() throws Exception {
        Path path = written(folder, BATCHES);
        Spool spool = Spool.adopt(path);
        spool.mark(spool.read(spool.first()).end());
        spool.close();
        Spool again = Spool.adopt(path);
        assertSame(BATCHES.subList(1, 3), readAll(again));
        again.close();
    }

    @Test
    void whatIsCutIsGoneAndOthersComeInItsPlace() throws Exception {
        Spool spool = Spool.adopt(written(folder, BATCHES));
        long second = spool.read(spool.first()).end();
        assertEquals(Files.size(spool.path()) - second, spool.cut(second));
        spool.append(BATCHES.get(2), LIMIT);
        assertSame(List.of(BATCHES.get(0), BATCHES.get(2)), readAll(spool));
        spool.remove();
        assertEquals(List.of(), Tracked.files(folder));
    }

    @Test
    void theFileHasTheBytesThatPythonWrites() throws Exception {
        Path path = written(folder, List.of(new Batch("run", 3, "points".getBytes(UTF_8), "writer", 258)));
        assertEquals(
                "4d5053504f4f4c31" + "1e00000000000000" // MPSPOOL1, and where the first batch begins
                        + "06000000" + "b5dd0210" + "686f73743a31" // host:1
                        + "1d000000" + "3ea81505" + "0306" + "0201000000000000" + "03000000"
                        + "72756e" + "777269746572" + "706f696e7473", // run, writer, points
                HexFormat.of().formatHex(Files.readAllBytes(path)));
    }

    @Test
    void pythonReadsWhatJavaWrote() throws Exception {
        Path path = written(folder, List.of(BATCHES.get(0), BATCHES.get(1)));
        assertEquals(
                "{\"address\": \"host:1\", \"batches\": [[\"run\", 3, \"706f696e7473\", \"writer\", 1], "
                        + "[\"run\", 1, \"\", \"\", 0]]}",
                Programs.output(Programs.python("read", path.toString())).strip());
    }

    @Test
    void aFileInUseIsLeftAlone() throws Exception {
        Spool spool = Spool.create(folder, "host:1");
        assertThrows(SpoolInUseException.class, () -> Spool.adopt(spool.path()));
        Path link = Files.createSymbolicLink(folder.resolve("link"), spool.path());
        assertThrows(SpoolInUseException.class, () -> Spool.adopt(link));
        spool.close();
        Spool.adopt(spool.path()).close();
    }

    @Test
    void javaAndPythonSeeEachOthersLocks() throws Exception {
        Path path = written(folder, BATCHES);
        Process python = Programs.python("lock", path.toString());
        BufferedReader lines = python.inputReader();
        assertEquals("locked", lines.readLine());
        assertThrows(SpoolInUseException.class, () -> Spool.adopt(path));
        python.getOutputStream().close();
        assertEquals(0, python.waitFor());
        Spool spool = Spool.adopt(path);
        assertEquals("in use", state(Programs.output(Programs.milepost("sync", "--json", "--spool-dir", "" + folder))));
        spool.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "MPSPOOL1", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"})
    void aFileWithoutItsBeginningIsDamaged(String content) throws Exception {
        Path path = Files.writeString(folder.resolve("x.spool"), content);
        assertThrows(SpoolDamagedException.class, () -> Spool.adopt(path));
        Files.delete(path);
    }

    @Test
    void theFilesOfAJvmNeverGrowBeyondTheirBound() throws Exception {
        Spool first = Spool.create(folder, "host:1");
        first.append(BATCHES.get(0), 130);
        Spool second = Spool.create(folder, "host:1");
        assertThrows(IOException.class, () -> second.append(BATCHES.get(0), 130));
        first.remove();
        second.append(BATCHES.get(0), 130);
        assertThrows(IOException.class, () -> second.append(BATCHES.get(2), 130));
        assertSame(BATCHES.subList(0, 1), readAll(second));
        second.remove();
    }

    @Test
    void onlyTheUserCanReadIt() throws Exception {
        Path made = folder.resolve("made");
        Path path = written(made, BATCHES);
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(path)));
        assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(made)));
    }

    @Test
    void filesAreFoundOldestFirstAndNothingElseIs() throws Exception {
        int age = 0;
        for (String name : List.of("b.spool", "a.spool", "note.txt", "c.spool.new")) {
            Files.setLastModifiedTime(Files.createFile(folder.resolve(name)), FileTime.fromMillis(age++));
        }
        Files.createSymbolicLink(folder.resolve("link.spool"), folder.resolve("a.spool"));
        assertEquals(
                List.of(folder.resolve("b.spool"), folder.resolve("a.spool")), SpoolFolder.files(folder));
        assertEquals(List.of(), SpoolFolder.files(folder.resolve("nowhere")));
    }

    static Path written(Path folder, List<Batch> batches) throws IOException {
        Spool spool = Spool.create(folder, "host:1");
        for (Batch batch : batches) {
            spool.append(batch, LIMIT);
        }
        spool.close();
        return spool.path();
    }

    static List<Batch> readAll(Spool spool) throws IOException, SpoolDamagedException {
        List<Batch> found = new ArrayList<>();
        for (long offset = spool.first(); offset < spool.size(); ) {
            Spool.Record next = spool.read(offset);
            found.add(next.batch());
            offset = next.end();
        }
        return found;
    }

    static void assertSame(List<Batch> expected, List<Batch> found) {
        assertEquals(expected.size(), found.size());
        for (int i = 0; i < expected.size(); i++) {
            Batch wanted = expected.get(i);
            assertArrayEquals(wanted.wire(), found.get(i).wire());
            assertEquals(wanted, new Batch(
                    found.get(i).runId(), found.get(i).values(), wanted.wire(), found.get(i).writerId(),
                    found.get(i).sequence()));
        }
    }

    private static String state(String report) {
        assertTrue(report.contains("\"state\""), report);
        return report.replaceAll("(?s).*\"state\": *\"([^\"]*)\".*", "$1");
    }
}
