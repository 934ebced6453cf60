package dev.milepost.client.tracking;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** Command lines as tags show them. */
final class CommandLine {
    static final int MAX_TAG = 65_535;

    private static final Pattern SECRET =
            Pattern.compile("(?i)[\\w.:-]*(password|passwd|secret|token|api[-._]?key|credential)[\\w.:-]*");
    private static final Pattern PLAIN = Pattern.compile("[\\w@%+=:,./-]+");

    private CommandLine() {}

    /** The command line of this process, as far as the system tells it. */
    static String ofThisProcess() {
        ProcessHandle.Info process = ProcessHandle.current().info();
        List<String> words = new ArrayList<>();
        if (process.command().isPresent() && process.arguments().isPresent()) {
            words.add(process.command().get());
            words.addAll(List.of(process.arguments().get()));
        } else {
            words.addAll(List.of(System.getProperty("sun.java.command", "").split(" ")));
        }
        return show(words);
    }

    /**
     * A command line for a shell, with secrets hidden: the values of what is {@code name=value}, and what follows an
     * option, where the name speaks of a secret. Cut where a tag must end.
     */
    static String show(List<String> words) {
        List<String> shown = new ArrayList<>();
        boolean hide = false;
        for (String word : words) {
            int equals = word.indexOf('=');
            String name = equals < 0 ? word : word.substring(0, equals);
            boolean secret = SECRET.matcher(name).matches();
            if (hide) {
                shown.add("***");
            } else {
                shown.add(secret && equals >= 0 ? quoted(name) + "=***" : quoted(word));
            }
            hide = !hide && secret && equals < 0 && word.startsWith("-");
        }
        String text = String.join(" ", shown);
        return text.length() <= MAX_TAG ? text : text.substring(0, MAX_TAG - 4) + " ...";
    }

    private static String quoted(String word) {
        return PLAIN.matcher(word).matches() ? word : "'" + word.replace("'", "'\"'\"'") + "'";
    }
}
