package dev.milepost.client.tracking;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProvenanceTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "java -jar train.jar --lr 0.1 | java -jar train.jar --lr 0.1",
                "java -Djavax.net.ssl.trustStorePassword=x Main | java -Djavax.net.ssl.trustStorePassword=*** Main",
                "java Main --api-key x --depth 4 | java Main --api-key *** --depth 4",
                "submit --conf spark.fs.secret.key=x --token=y | submit --conf spark.fs.secret.key=*** --token=***",
                "java Main --password --token | java Main --password ***",
                "java Main tokens.txt | java Main tokens.txt"
            })
    void secretsInACommandAreHidden(String command, String shown) {
        assertEquals(shown, CommandLine.show(List.of(command.split(" "))));
    }

    @Test
    void aCommandIsQuotedForAShellAndCutWhereATagEnds() {
        assertEquals("java 'a b' '' 'it'\"'\"'s'", CommandLine.show(List.of("java", "a b", "", "it's")));
        String cut = CommandLine.show(List.of("x".repeat(70_000)));
        assertEquals(CommandLine.MAX_TAG, cut.length());
    }

    @ParameterizedTest
    @CsvSource({
        "https://ada:secret@example.org/a.git?token=x#y, https://example.org/a.git",
        "https://token@example.org:8443/a.git, https://example.org:8443/a.git",
        "ssh://git:secret@example.org:22/a.git, ssh://git@example.org:22/a.git",
        "git@example.org:a.git, git@example.org:a.git",
        "/srv/a.git, /srv/a.git",
        "https://ada:se^cret@example.org/a.git, ''"
    })
    void aRemoteIsShownWithoutCredentials(String url, String shown) {
        assertEquals(shown, GitTags.withoutCredentials(url));
    }

    @Test
    void aWorkingTreeHasItsTags(@TempDir Path folder) throws Exception {
        assertEquals(Map.of(), GitTags.of(folder));
        git(folder, "init", "-b", "trunk");
        git(folder, "remote", "add", "origin", "https://ada:secret@example.org/a.git");
        Path file = Files.writeString(folder.resolve("file"), "one");
        git(folder, "add", ".");
        git(folder, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-m", "one");
        Map<String, String> clean = GitTags.of(folder);
        assertEquals("false", clean.get("milepost.git.dirty"));
        assertEquals("trunk", clean.get("milepost.git.branch"));
        assertEquals(40, clean.get("milepost.git.commit").length());
        assertEquals("https://example.org/a.git", clean.get("milepost.git.remote"));
        Files.writeString(file, "two");
        assertEquals("true", GitTags.of(folder).get("milepost.git.dirty"));
    }

    private static void git(Path folder, String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("git", "-C", folder.toString()));
        command.addAll(List.of(arguments));
        Process git = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        assertEquals(0, git.waitFor(), command::toString);
    }
}
