package dev.milepost.examples;

import dev.milepost.client.MilepostClient;
import dev.milepost.client.models.Flavor;
import dev.milepost.client.models.InputExample;
import dev.milepost.client.models.ModelFolder;
import dev.milepost.client.registry.LoggedModelHandle;
import dev.milepost.client.registry.ModelVersionHandle;
import dev.milepost.client.registry.NewLoggedModel;
import dev.milepost.client.registry.Registration;
import dev.milepost.client.tracking.ActiveRun;
import dev.milepost.client.tracking.NewRun;
import dev.milepost.client.writer.MetricWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Map;
import ml.dmlc.xgboost4j.java.Booster;
import ml.dmlc.xgboost4j.java.DMatrix;
import ml.dmlc.xgboost4j.java.XGBoost;
import ml.dmlc.xgboost4j.java.XGBoostError;

/**
 * Trains XGBoost on the JVM, logs each round as it happens, and registers the model as {@code bank@champion}. The
 * tracking server is that of {@code MILEPOST_TRACKING_URI}, else {@code 127.0.0.1:5001}.
 */
public final class TrainModel {
    /** The registered model. */
    static final String NAME = "bank";

    /** Points to the version to use. */
    static final String ALIAS = "champion";

    private static final int ROUNDS = 100;
    private static final int SHOWN_EVERY = 20;
    private static final int EXAMPLE_ROWS = 3;
    private static final String XGBOOST_VERSION = "3.0.4";
    private static final Map<String, Object> PARAMS = Map.of(
            "objective", "binary:logistic", "eval_metric", "auc", "max_depth", 5, "eta", 0.1, "seed", 7);

    private TrainModel() {}

    /**
     * Runs it.
     *
     * @param arguments none
     * @throws Exception when the server does not answer, or XGBoost fails
     */
    public static void main(String[] arguments) throws Exception {
        BankCalls.Split data = BankCalls.split();
        System.out.printf("%,d calls to learn from, %,d to judge by%n", data.training().size(), data.test().size());
        try (MilepostClient client = MilepostClient.builder().build()) {
            String experiment = client.experiments().getOrCreate("bank").id();
            NewRun settings = NewRun.in(experiment).name("xgboost").params(PARAMS).param("rounds", ROUNDS);
            try (ActiveRun run = client.startRun(settings)) {
                System.out.printf("Run %s; to see it live: milepost runs watch %s%n", run.id(), run.id());
                Booster booster = train(data, run.metricWriter());
                ModelVersionHandle version = publish(client, run.id(), save(booster, run.id(), data.test()));
                run.finish();
                System.out.printf("""
                        %s version %d is the %s. Next:
                          milepost metrics plot %s train/auc test/auc
                          milepost serve models:/%s@%s --env uv
                          java -cp milepost-examples.jar dev.milepost.examples.QueryModel
                        """, NAME, version.version(), ALIAS, run.id(), NAME, ALIAS);
            }
        }
    }

    /** Boosts round by round; logging takes no time that the training would notice. */
    private static Booster train(BankCalls.Split data, MetricWriter metrics) throws XGBoostError {
        DMatrix training = data.training().matrix();
        DMatrix[] judged = {training, data.test().matrix()};
        String[] names = {"train", "test"};
        float[] auc = new float[judged.length];
        Booster booster = XGBoost.train(training, PARAMS, 0, Map.of(), null, null);
        for (int round = 1; round <= ROUNDS; round++) {
            booster.update(training, round);
            booster.evalSet(judged, names, round, auc);
            metrics.log("train/auc", auc[0], round);
            metrics.log("test/auc", auc[1], round);
            if (round % SHOWN_EVERY == 0) {
                System.out.printf("round %3d: AUC %.4f, on calls that it has not seen %.4f%n", round, auc[0], auc[1]);
            }
        }
        return booster;
    }

    /** Saves the model with all that a model server needs to load it, check it, and refuse what it does not take. */
    private static ModelFolder save(Booster booster, String runId, BankCalls test) throws XGBoostError, IOException {
        booster.setFeatureNames(BankCalls.FEATURES.toArray(String[]::new));
        return ModelFolder.builder()
                .flavor(Flavor.xgboost(booster.toByteArray("ubj"), XGBOOST_VERSION))
                .signature(BankCalls.signature())
                .inputExample(InputExample.table(BankCalls.FEATURES, test.first(EXAMPLE_ROWS).rows()))
                // xgboost-cpu is xgboost without what graphics cards need.
                .requirements("xgboost-cpu==3.2.0", "pandas==3.1.1")
                .modelCard("# Bank calls\nThe probability that a client opens a deposit when called.\n")
                .name(NAME)
                .runId(runId)
                .save(Files.createTempDirectory("milepost-example-").resolve("model"));
    }

    private static ModelVersionHandle publish(MilepostClient client, String runId, ModelFolder model) {
        LoggedModelHandle logged =
                client.loggedModels().publish(NewLoggedModel.of(runId, NAME).modelType("classifier"), model);
        return logged.register(Registration.as(NAME).alias(ALIAS));
    }
}
