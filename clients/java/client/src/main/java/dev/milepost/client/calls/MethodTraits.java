package dev.milepost.client.calls;

import com.google.protobuf.Descriptors;
import com.google.protobuf.Descriptors.FieldDescriptor;
import dev.milepost.v1.Annotations;
import dev.milepost.v1.Permission;
import io.grpc.MethodDescriptor;
import io.grpc.protobuf.ProtoMethodDescriptorSupplier;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What the descriptor of a method says.
 *
 * @param requestId the field that makes a repeat safe, or null
 * @param reads whether it changes nothing
 * @param told whether the server records who calls
 */
record MethodTraits(FieldDescriptor requestId, boolean reads, boolean told) {
    private static final Map<String, MethodTraits> KNOWN = new ConcurrentHashMap<>();

    static MethodTraits of(MethodDescriptor<?, ?> method) {
        return KNOWN.computeIfAbsent(method.getFullMethodName(), name -> read(method));
    }

    /** Whether a lost answer may be answered by calling again. */
    boolean repeatable() {
        return reads || requestId != null;
    }

    private static MethodTraits read(MethodDescriptor<?, ?> method) {
        if (!(method.getSchemaDescriptor() instanceof ProtoMethodDescriptorSupplier schema)) {
            return new MethodTraits(null, false, false);
        }
        Descriptors.MethodDescriptor found = schema.getMethodDescriptor();
        Permission permission = found.getOptions().getExtension(Annotations.permission);
        boolean reads = permission == Permission.PERMISSION_READ || permission == Permission.PERMISSION_PUBLIC;
        String service = found.getService().getName();
        boolean records = service.equals("RegistryService") || service.equals("ImportService");
        return new MethodTraits(found.getInputType().findFieldByName("request_id"), reads, records && !reads);
    }
}
