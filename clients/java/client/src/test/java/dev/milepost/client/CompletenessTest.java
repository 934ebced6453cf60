package dev.milepost.client;

import static java.util.stream.Collectors.toCollection;
import static java.util.stream.Collectors.toSet;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import dev.milepost.client.support.MainClasses;
import dev.milepost.v1.ImportServiceGrpc;
import io.grpc.ServiceDescriptor;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Each method of the contract is called somewhere in the client. */
class CompletenessTest {
    private static final Pattern SERVICE = Pattern.compile(".*/[A-Za-z]+Grpc\\.class");
    /** Only programs that bring runs of other systems need it, and these are of the Python client. */
    private static final String IMPORTS = ImportServiceGrpc.SERVICE_NAME;

    @Test
    void theClientCallsEveryMethodOfEveryService() {
        Set<String> called = MainClasses.all().stream()
                .flatMap(one -> Stream.<JavaAccess<?>>concat(
                        one.getMethodCallsFromSelf().stream(), one.getMethodReferencesFromSelf().stream()))
                .map(access -> access.getTargetOwner().getSimpleName() + "." + access.getTarget().getName())
                .collect(toSet());
        Set<String> missing = services()
                .filter(service -> !service.getName().equals(IMPORTS))
                .flatMap(service -> service.getMethods().stream())
                .filter(method -> !called.contains(accessor(method.getServiceName(), method.getBareMethodName())))
                .map(method -> method.getFullMethodName())
                .collect(toCollection(TreeSet::new));
        assertEquals(Set.of(), missing);
    }

    @Test
    void theServicesAreFound() {
        List<String> names = services().map(ServiceDescriptor::getName).toList();
        assertTrue(names.contains("milepost.v1.TrackingService"), names::toString);
        assertTrue(names.contains(IMPORTS), names::toString);
    }

    private static Stream<ServiceDescriptor> services() {
        return new ClassFileImporter()
                .withImportOption(location -> location.matches(SERVICE))
                .importPackages("dev.milepost.v1").stream()
                        .filter(JavaClass::isTopLevelClass)
                        .map(one -> descriptor(one.reflect()));
    }

    private static ServiceDescriptor descriptor(Class<?> generated) {
        try {
            return (ServiceDescriptor) generated.getMethod("getServiceDescriptor").invoke(null);
        } catch (ReflectiveOperationException error) {
            throw new AssertionError(generated + " is no generated service", error);
        }
    }

    /** For example {@code TrackingServiceGrpc.getCreateRunMethod}. */
    private static String accessor(String service, String method) {
        return service.substring(service.lastIndexOf('.') + 1) + "Grpc.get" + method + "Method";
    }
}
