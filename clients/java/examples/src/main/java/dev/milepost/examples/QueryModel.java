package dev.milepost.examples;

import dev.milepost.client.MilepostClient;
import dev.milepost.client.models.ModelFolder;
import dev.milepost.client.serving.Batch;
import dev.milepost.client.serving.ModelServer;
import dev.milepost.client.serving.Prediction;
import dev.milepost.client.serving.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import ml.dmlc.xgboost4j.java.Booster;
import ml.dmlc.xgboost4j.java.XGBoost;
import ml.dmlc.xgboost4j.java.XGBoostError;

/**
 * Asks the model that {@link TrainModel} registered, once {@code milepost serve models:/bank@champion --env uv} serves
 * it. Then loads the same version from the registry, and compares with what XGBoost says on this JVM. The model server
 * is that of {@code MILEPOST_SERVING_URI}, else {@code 127.0.0.1:8081}; the registry that of {@link TrainModel}.
 */
public final class QueryModel {
    private static final int SHOWN = 3;

    private QueryModel() {}

    /**
     * Runs it.
     *
     * @param arguments none
     * @throws Exception when a server does not answer, or XGBoost fails
     */
    public static void main(String[] arguments) throws Exception {
        BankCalls calls = BankCalls.split().test();
        try (ModelServer server = ModelServer.builder().build();
                MilepostClient client = MilepostClient.builder().build()) {
            Prediction answer = server.predict(TrainModel.NAME, Batch.of(columns(calls)));
            float[] served = answer.tensor().asFloats();
            System.out.printf("%s version %d answers for %,d calls. Most promising:%n",
                    TrainModel.NAME, answer.version(), served.length);
            showMostPromising(calls, served);
            compare(served, predictHere(load(client, answer.version()), calls));
        }
    }

    /** A typed column for each input of the signature. What does not fit it, the server refuses. */
    private static Map<String, Tensor> columns(BankCalls calls) {
        Map<String, Tensor> columns = new LinkedHashMap<>();
        for (int i = 0; i < BankCalls.FEATURES.size(); i++) {
            String name = BankCalls.FEATURES.get(i);
            long[] values = new long[calls.size()];
            boolean[] flags = new boolean[calls.size()];
            for (int row = 0; row < calls.size(); row++) {
                values[row] = (long) calls.calls().get(row).features()[i];
                flags[row] = values[row] == 1;
            }
            columns.put(name, BankCalls.isYesOrNo(name) ? Tensor.of(flags) : Tensor.of(values));
        }
        return columns;
    }

    /** The same version as XGBoost4J's own, its files checked by their digests. */
    private static Booster load(MilepostClient client, long version) throws IOException, XGBoostError {
        Path folder = Files.createTempDirectory("milepost-example-").resolve("model");
        client.modelVersions().get(TrainModel.NAME, version).download(folder);
        return XGBoost.loadModel(ModelFolder.read(folder).data("xgboost").toString());
    }

    private static float[] predictHere(Booster booster, BankCalls calls) throws XGBoostError {
        float[][] rows = booster.predict(calls.matrix());
        float[] probabilities = new float[rows.length];
        for (int row = 0; row < rows.length; row++) {
            probabilities[row] = rows[row][0];
        }
        return probabilities;
    }

    private static void showMostPromising(BankCalls calls, float[] probabilities) {
        List<Integer> order = new ArrayList<>(IntStream.range(0, probabilities.length).boxed().toList());
        order.sort(Comparator.comparing((Integer row) -> -probabilities[row]));
        for (int row : order.subList(0, SHOWN)) {
            BankCalls.Call call = calls.calls().get(row);
            System.out.printf("  %.3f for a client of %.0f years with %,.0f euros, who %s a deposit%n",
                    probabilities[row], call.features()[0], call.features()[1], call.deposit() ? "opened" : "refused");
        }
    }

    private static void compare(float[] served, float[] here) {
        int different = 0;
        float most = 0;
        for (int row = 0; row < here.length; row++) {
            if (Float.floatToIntBits(served[row]) != Float.floatToIntBits(here[row])) {
                different++;
                most = Math.max(most, Math.abs(served[row] - here[row]));
            }
        }
        System.out.println(different == 0
                ? "XGBoost on this JVM gives the same to the last bit."
                : "XGBoost on this JVM differs for " + different + " calls, by at most " + most + ".");
    }
}
