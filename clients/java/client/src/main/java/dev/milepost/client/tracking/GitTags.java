package dev.milepost.client.tracking;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Commit, branch, dirtiness and remote of a git working tree. */
final class GitTags {
    private GitTags() {}

    /** The tags for the working tree around a folder; none without one, or without git. */
    static Map<String, String> of(Path folder) throws InterruptedException {
        Map<String, String> found = new LinkedHashMap<>();
        String status = git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no");
        if (status == null) {
            return found;
        }
        found.put("milepost.git.dirty", "false");
        for (String line : status.lines().toList()) {
            if (line.startsWith("# branch.oid ") && !line.endsWith("(initial)")) {
                found.put("milepost.git.commit", line.substring("# branch.oid ".length()));
            } else if (line.startsWith("# branch.head ") && !line.endsWith("(detached)")) {
                found.put("milepost.git.branch", line.substring("# branch.head ".length()));
            } else if (!line.startsWith("#")) {
                found.put("milepost.git.dirty", "true");
            }
        }
        String remote = git(folder, "config", "--get", "remote.origin.url");
        if (remote != null) {
            found.put("milepost.git.remote", withoutCredentials(remote.strip()));
        }
        return found;
    }

    /** A remote's URL without user, password, query and fragment; the user of an SSH address stays. */
    static String withoutCredentials(String url) {
        try {
            URI parts = new URI(url);
            String authority = parts.getRawAuthority();
            if (parts.getScheme() == null || authority == null) {
                return url; // a path, or user@host:path, which cannot hold a password
            }
            int at = authority.lastIndexOf('@');
            String user = parts.getScheme().endsWith("ssh") && at >= 0 ? authority.split("[:@]", 2)[0] + "@" : "";
            return parts.getScheme() + "://" + user + authority.substring(at + 1) + parts.getRawPath();
        } catch (URISyntaxException unreadable) {
            return url.contains("://") ? "" : url;
        }
    }

    private static String git(Path folder, String... arguments) throws InterruptedException {
        List<String> command = new ArrayList<>(List.of("git", "-C", folder.toString()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD);
        builder.environment().putAll(Map.of("GIT_OPTIONAL_LOCKS", "0", "GIT_TERMINAL_PROMPT", "0", "LC_ALL", "C"));
        Process git;
        try {
            git = builder.start();
        } catch (IOException noGit) {
            return null;
        }
        // Reading does not end by an interrupt, but by the end of the process.
        CompletableFuture.delayedExecutor(Provenance.TIMEOUT.toMillis(), TimeUnit.MILLISECONDS)
                .execute(git::destroyForcibly);
        try {
            git.getOutputStream().close();
            String output = new String(git.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return git.waitFor() == 0 ? output : null;
        } catch (IOException broken) {
            return null;
        } finally {
            git.destroyForcibly();
        }
    }
}
