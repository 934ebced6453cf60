package dev.milepost.client;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static java.util.stream.Collectors.toSet;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import dev.milepost.client.support.MainClasses;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Which packages of the client may know which, see {@code docs/architecture.md}. */
class LayersTest {
    private static final JavaClasses CLASSES = MainClasses.all();
    private static final String ROOT = "dev.milepost.client";
    private static final List<String> BASE = List.of("errors", "calls", "paging", "values");
    private static final List<String> TRANSFERS = List.of("watching", "artifacts", "writer");

    /** What each package may know; the root package is {@code ""}. */
    private static final Map<String, List<String>> KNOWS = new LinkedHashMap<>();

    static {
        KNOWS.put("errors", List.of());
        KNOWS.put("calls", List.of("errors"));
        KNOWS.put("paging", List.of("errors", "calls"));
        KNOWS.put("values", List.of());
        TRANSFERS.forEach(name -> KNOWS.put(name, BASE));
        List<String> both = Stream.concat(BASE.stream(), TRANSFERS.stream()).toList();
        List.of("tracking", "serving", "models").forEach(name -> KNOWS.put(name, both));
        KNOWS.put("registry", Stream.concat(both.stream(), Stream.of("tracking", "models")).toList());
        KNOWS.put("", Stream.concat(both.stream(), Stream.of("tracking", "serving", "models", "registry")).toList());
        KNOWS.put("context", KNOWS.keySet().stream().toList());
    }

    static Stream<String> packages() {
        return KNOWS.keySet().stream();
    }

    @ParameterizedTest(name = "[{0}]")
    @MethodSource("packages")
    void aPackageKnowsOnlyThoseBelowIt(String name) {
        String[] others = KNOWS.keySet().stream()
                .filter(other -> !other.equals(name) && !KNOWS.get(name).contains(other))
                .map(LayersTest::fullName)
                .toArray(String[]::new);
        noClasses()
                .that()
                .resideInAPackage(fullName(name))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(others)
                .check(CLASSES);
    }

    @Test
    void everyPackageHasItsPlace() {
        Set<String> found = CLASSES.stream().map(JavaClass::getPackageName).collect(toSet());
        assertEquals(KNOWS.keySet().stream().map(LayersTest::fullName).collect(toSet()), found);
    }

    @Test
    void noPackagesKnowEachOtherInACircle() {
        slices().matching(ROOT + ".(*)..").should().beFreeOfCycles().check(CLASSES);
    }

    private static String fullName(String name) {
        return name.isEmpty() ? ROOT : ROOT + "." + name;
    }
}
