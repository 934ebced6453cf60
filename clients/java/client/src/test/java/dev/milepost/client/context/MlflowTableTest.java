package dev.milepost.client.context;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.milepost.client.MilepostClient;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Executable;
import java.lang.reflect.Method;
import java.lang.reflect.TypeVariable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The table of calls in the Javadoc of the package. */
class MlflowTableTest {
    private static final Pattern ROW = Pattern.compile("<tr><td>(.*?)</td> ?<td>(.*?)</td></tr>");
    private static final Pattern THEIRS =
            Pattern.compile("\\{@code ((?:MlflowContext|ActiveRun|MlflowClient)\\b[^}]*)}");
    private static final Pattern LINK = Pattern.compile("\\{@link ([\\w.]+)#(\\w+)\\(([^)]*)\\) ([^}]+)}");
    private static final Pattern ROOT = Pattern.compile("(?<![\\w.])(?:client|context|run|[A-Z]\\w*)(?=\\.)");
    private static final Map<String, Class<?>> VARIABLES =
            Map.of("client", MilepostClient.class, "context", MilepostContext.class, "run", ContextRun.class);
    private static final List<String> PACKAGES = List.of(
            "dev.milepost.client.", "dev.milepost.client.tracking.", "dev.milepost.client.registry.", "java.util.");

    /** A row: MLflow's calls, and what to call instead. */
    private record Row(List<String> theirs, List<MatchResult> ours, String text) {}

    @Test
    void namesEveryPublicMethodOfMlflowsClientOnce() throws IOException {
        List<String> told = rows().stream().flatMap(row -> row.theirs().stream()).toList();
        try (InputStream list = getClass().getResourceAsStream("mlflow-client-2.17.2.txt")) {
            assertNotNull(list);
            List<String> methods = new String(list.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .filter(line -> !line.startsWith("#"))
                    .toList();
            assertEquals(methods.stream().sorted().toList(), told.stream().sorted().toList());
        }
    }

    @TestFactory
    Stream<DynamicTest> callsOfMilepostExist() throws IOException {
        return rows().stream().map(row -> DynamicTest.dynamicTest(row.theirs().get(0), () -> {
            assertTrue(!row.ours().isEmpty() || row.text().startsWith("None: "), row.text());
            for (MatchResult link : row.ours()) {
                assertLinked(link);
                assertCallable(link);
            }
        }));
    }

    private static List<Row> rows() throws IOException {
        String source = Files.readString(Path.of("src/main/java/dev/milepost/client/context/package-info.java"))
                .replaceAll("\\s*\\n \\*\\s*", " ");
        List<Row> rows = new ArrayList<>();
        Matcher row = ROW.matcher(source);
        while (row.find()) {
            List<String> theirs =
                    THEIRS.matcher(row.group(1)).results().map(call -> call.group(1)).toList();
            assertFalse(theirs.isEmpty(), row.group(1));
            rows.add(new Row(theirs, LINK.matcher(row.group(2)).results().toList(), row.group(2)));
        }
        return rows;
    }

    /** The class has the method with these arguments. */
    private static void assertLinked(MatchResult link) throws ClassNotFoundException {
        Class<?> owner = named(link.group(1));
        List<String> arguments = link.group(3).isEmpty() ? List.of() : List.of(link.group(3).split(", ?"));
        Executable[] all = link.group(2).equals(owner.getSimpleName()) ? owner.getConstructors() : owner.getMethods();
        assertTrue(
                Arrays.stream(all)
                        .filter(method -> method.getName().endsWith(link.group(2)))
                        .anyMatch(method -> types(method).equals(arguments)),
                link.group());
    }

    /** Types of the arguments as the links write them: simple names, but for a message of the contract. */
    private static List<String> types(Executable method) {
        return Arrays.stream(method.getParameterTypes())
                .map(type -> type.getEnclosingClass() == null ? type.getSimpleName() : type.getCanonicalName())
                .map(type -> method.isVarArgs() ? type.replace("[]", "...") : type)
                .toList();
    }

    /** What the text of a link says can be written: each call exists on what the one before returns. */
    private static void assertCallable(MatchResult link) throws ClassNotFoundException {
        String text = link.group(4);
        if (text.startsWith("new ")) {
            return;
        }
        List<String> called = new ArrayList<>();
        Matcher root = ROOT.matcher(text);
        while (root.find()) {
            Set<Class<?>> types = Set.of(root(root.group()));
            int dot = root.end();
            while (dot < text.length() && text.charAt(dot) == '.') {
                int open = text.indexOf('(', dot);
                String name = text.substring(dot + 1, open);
                types = returned(types, name);
                assertFalse(types.isEmpty(), text + ": no " + name);
                called.add(name);
                dot = closing(text, open) + 1;
            }
        }
        assertTrue(called.contains(link.group(2)), text);
    }

    private static Class<?> root(String name) throws ClassNotFoundException {
        if (VARIABLES.containsKey(name)) {
            return VARIABLES.get(name);
        }
        for (String place : PACKAGES) {
            try {
                return Class.forName(place + name);
            } catch (ClassNotFoundException elsewhere) {
                // The next package may have it.
            }
        }
        throw new ClassNotFoundException(name);
    }

    private static int closing(String text, int open) {
        int depth = 1;
        int at = open;
        while (depth > 0) {
            at++;
            depth += text.charAt(at) == '(' ? 1 : text.charAt(at) == ')' ? -1 : 0;
        }
        return at;
    }

    private static Set<Class<?>> returned(Set<Class<?>> types, String name) {
        Set<Class<?>> returned = new HashSet<>();
        for (Class<?> type : types) {
            for (Method method : type.getMethods()) {
                if (method.getName().equals(name)) {
                    // A builder's method returns the builder, whatever class declares it.
                    boolean self = method.getGenericReturnType() instanceof TypeVariable<?>;
                    returned.add(self ? type : method.getReturnType());
                }
            }
        }
        return returned;
    }

    private static Class<?> named(String name) throws ClassNotFoundException {
        String full = name.contains(".") ? name : MlflowTableTest.class.getPackageName() + "." + name;
        try {
            return Class.forName(full);
        } catch (ClassNotFoundException nested) {
            return Class.forName(full.replaceFirst("\\.(\\w+)$", "\\$$1"));
        }
    }
}
