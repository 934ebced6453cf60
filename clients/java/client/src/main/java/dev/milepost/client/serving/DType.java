package dev.milepost.client.serving;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/** What the elements of a {@link Tensor} are, with numpy's name and that of the Open Inference Protocol. */
public enum DType {
    /** Truth values. */
    BOOL("bool", "BOOL", 1),
    /** Integers of 8 bits. */
    INT8("int8", "INT8", 1),
    /** Integers of 16 bits. */
    INT16("int16", "INT16", 2),
    /** Integers of 32 bits. */
    INT32("int32", "INT32", 4),
    /** Integers of 64 bits. */
    INT64("int64", "INT64", 8),
    /** Integers of 8 bits without a sign. */
    UINT8("uint8", "UINT8", 1),
    /** Integers of 16 bits without a sign. */
    UINT16("uint16", "UINT16", 2),
    /** Integers of 32 bits without a sign. */
    UINT32("uint32", "UINT32", 4),
    /** Integers of 64 bits without a sign. */
    UINT64("uint64", "UINT64", 8),
    /** Floating-point numbers of 16 bits, IEEE 754 binary16. */
    FLOAT16("float16", "FP16", 2),
    /** Floating-point numbers of 32 bits. */
    FLOAT32("float32", "FP32", 4),
    /** Floating-point numbers of 64 bits. */
    FLOAT64("float64", "FP64", 8),
    /** Times: nanoseconds since 1970 UTC in 64 bits; the least integer is NaT. The protocol V2 has none. */
    DATETIME64_NS("datetime64[ns]", "", 8),
    /** Texts. {@code BYTES} in the protocol V2. */
    STR("str", "BYTES", 0),
    /** Sequences of bytes. */
    BYTES("bytes", "BYTES", 0);

    private static final Map<String, DType> BY_NAME =
            Arrays.stream(values()).collect(Collectors.toMap(DType::numpyName, Function.identity()));
    private static final Map<String, DType> BY_DATATYPE = Arrays.stream(values())
            .filter(each -> each != STR && each != DATETIME64_NS)
            .collect(Collectors.toMap(DType::datatype, Function.identity()));

    private final String numpyName;
    private final String datatype;
    private final int width;

    DType(String numpyName, String datatype, int width) {
        this.numpyName = numpyName;
        this.datatype = datatype;
        this.width = width;
    }

    /** {@return numpy's name, which {@code milepost.v1.Tensor} has, such as {@code float64}} */
    public String numpyName() {
        return numpyName;
    }

    /** {@return bytes of an element; 0 for texts and bytes, which have lengths of their own} */
    public int width() {
        return width;
    }

    /** The name in the Open Inference Protocol; empty where it has none. */
    String datatype() {
        return datatype;
    }

    static Optional<DType> named(String numpyName) {
        return Optional.ofNullable(BY_NAME.get(numpyName));
    }

    static Optional<DType> ofDatatype(String datatype) {
        return Optional.ofNullable(BY_DATATYPE.get(datatype));
    }
}
