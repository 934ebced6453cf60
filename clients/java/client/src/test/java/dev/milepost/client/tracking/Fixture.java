package dev.milepost.client.tracking;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.milepost.client.MilepostClient;
import dev.milepost.client.errors.MilepostException;
import dev.milepost.client.support.TestServer;
import dev.milepost.v1.ErrorReason;
import java.util.UUID;
import org.junit.jupiter.api.function.Executable;

/** What the tests of this package share: a client of the shared server, and an experiment for each test. */
final class Fixture {
    static final MilepostClient CLIENT = MilepostClient.connect(TestServer.shared().address());

    private Fixture() {}

    static String freshName() {
        return "java-" + UUID.randomUUID();
    }

    static ExperimentHandle freshExperiment() {
        return CLIENT.experiments().create(freshName());
    }

    static RunHandle freshRun() {
        return freshExperiment().createRun(NewRun.inDefault());
    }

    /** Runs what must fail with an exception of exactly this class and reason. */
    static <E extends MilepostException> E fails(Class<E> kind, ErrorReason reason, Executable call) {
        E error = assertThrows(kind, call);
        assertEquals(reason, error.reason());
        return error;
    }
}
