package dev.milepost.client.support;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import dev.milepost.client.MilepostClient;
import java.net.URISyntaxException;
import java.nio.file.Path;

/** The classes of the client, without those of its tests. */
public final class MainClasses {
    private static final JavaClasses ALL = read();

    private MainClasses() {}

    /** All of them. */
    public static JavaClasses all() {
        return ALL;
    }

    private static JavaClasses read() {
        try {
            return new ClassFileImporter()
                    .importPath(Path.of(MilepostClient.class
                            .getProtectionDomain()
                            .getCodeSource()
                            .getLocation()
                            .toURI()));
        } catch (URISyntaxException error) {
            throw new AssertionError(error);
        }
    }
}
