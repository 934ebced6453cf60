import dev.milepost.client.models.Flavor;
import dev.milepost.client.models.InputExample;
import dev.milepost.client.models.ModelFolder;
import dev.milepost.client.models.Schema;
import dev.milepost.client.models.Signature;
import dev.milepost.client.models.TensorSpec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** Saves a graph of ONNX as a model: {@code SaveOnnx GRAPH FOLDER}. */
final class SaveOnnx {
    public static void main(String[] arguments) throws Exception {
        ModelFolder.builder()
                .flavor(Flavor.onnx(Files.readAllBytes(Path.of(arguments[0]))))
                .signature(Signature.of(
                        Schema.tensors(TensorSpec.of("x", "float32", -1, 3)),
                        Schema.tensors(TensorSpec.of("y", "float32", -1, 200))))
                .inputExample(InputExample.tensors(Map.of("x", new float[][] {{0.1f, -1.5f, 1e-20f}})))
                .save(Path.of(arguments[1]));
    }
}
