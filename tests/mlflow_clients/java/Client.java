// What a user of MLflow's Java client does. Prints what it saw, as JSON, for test_java.py.
//
// Arguments: address of the server, name of a registered model with one version, path of a file to log.

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.mlflow.api.proto.ModelRegistry;
import org.mlflow.api.proto.Service;
import org.mlflow.tracking.ActiveRun;
import org.mlflow.tracking.MlflowClient;
import org.mlflow.tracking.MlflowContext;
import org.mlflow.tracking.MlflowHttpException;
import org.mlflow.tracking.RunsPage;

public class Client {
  private static final Map<String, Object> SEEN = new LinkedHashMap<>();

  public static void main(String[] arguments) {
    try (MlflowClient client = new MlflowClient(arguments[0])) {
      String experiment = experiments(client);
      runs(client, experiment);
      metrics(client, experiment);
      search(client, experiment);
      context(client, Path.of(arguments[2]));
      registry(client, arguments[1]);
    }
    System.out.println(json(SEEN));
  }

  private static String experiments(MlflowClient client) {
    String name = "java " + System.nanoTime();
    String id = client.createExperiment(name);
    client.setExperimentTag(id, "team", "vision");
    SEEN.put("same experiment", client.getExperimentByName(name).get().getExperimentId().equals(id));
    SEEN.put("experiment tag", client.getExperiment(id).getTags(0).getValue());
    SEEN.put("no experiment", client.getExperimentByName("no " + name).isPresent());
    client.renameExperiment(id, name + " b");
    client.deleteExperiment(id);
    SEEN.put("deleted", client.getExperiment(id).getLifecycleStage());
    client.restoreExperiment(id);
    SEEN.put("found", client.searchExperiments("name = '" + name + " b'").getItems().size());
    try {
      client.createExperiment(name + " b");
    } catch (MlflowHttpException taken) {
      SEEN.put("taken", taken.getBodyMessage().contains("RESOURCE_ALREADY_EXISTS"));
    }
    return id;
  }

  private static void runs(MlflowClient client, String experiment) {
    String run = client.createRun(experiment).getRunId();
    client.logParam(run, "lr", "0.1");
    client.setTag(run, "a", "1");
    client.setTag(run, "b", "2");
    client.deleteTag(run, "b");
    client.setTerminated(run, Service.RunStatus.FAILED, 77);
    Service.Run stored = client.getRun(run);
    SEEN.put("status", stored.getInfo().getStatus().name());
    SEEN.put("end", stored.getInfo().getEndTime());
    SEEN.put("param", stored.getData().getParams(0).getKey() + "=" + stored.getData().getParams(0).getValue());
    SEEN.put("tags", stored.getData().getTagsList().stream().map(Service.RunTag::getKey)
        .filter(key -> !key.startsWith("mlflow.")).collect(Collectors.toList()));
    client.deleteRun(run);
    SEEN.put("stage", client.getRun(run).getInfo().getLifecycleStage());
  }

  private static void metrics(MlflowClient client, String experiment) {
    String run = client.createRun(experiment).getRunId();
    client.logMetric(run, "one", 0.5, 10, 1);
    List<Service.Metric> points = new ArrayList<>();
    double[] values = {1.5, Double.NaN, Double.POSITIVE_INFINITY};
    for (int i = 0; i < values.length; i++) {
      points.add(Service.Metric.newBuilder().setKey("many").setValue(values[i]).setTimestamp(i)
          .setStep((1L << 53) + i).build());
    }
    Service.Param param = Service.Param.newBuilder().setKey("p").setValue("v").build();
    client.logBatch(run, points, List.of(param), List.of());
    SEEN.put("history", client.getMetricHistory(run, "many").stream()
        .map(point -> point.getStep() + ":" + point.getValue()).collect(Collectors.toList()));
    SEEN.put("shown", client.getRun(run).getData().getMetricsList().stream().map(Service.Metric::getKey)
        .sorted().collect(Collectors.toList()));
    client.setTerminated(run);
  }

  private static void search(MlflowClient client, String experiment) {
    for (int i = 0; i < 5; i++) {
      client.logMetric(client.createRun(experiment).getRunId(), "rank", i);
    }
    List<String> pages = new ArrayList<>();
    RunsPage page = client.searchRuns(List.of(experiment), "metrics.rank > 0", Service.ViewType.ACTIVE_ONLY, 3,
        List.of("metrics.rank DESC"));
    while (true) {
      pages.add(page.getItems().stream().map(run -> "" + (int) run.getData().getMetrics(0).getValue())
          .collect(Collectors.joining()));
      if (!page.hasNextPage()) {
        break;
      }
      page = (RunsPage) page.getNextPage();
    }
    SEEN.put("pages", pages);
  }

  private static void context(MlflowClient client, Path file) {
    MlflowContext context = new MlflowContext(client);
    String name = "java context " + System.nanoTime();
    client.createExperiment(name);
    context.setExperimentName(name);
    ActiveRun parent = context.startRun("parent");
    ActiveRun child = context.startRun("child", parent.getId());
    child.logMetrics(Map.of("loss", 0.25), 3);
    child.logParams(Map.of("lr", "0.1"));
    child.setTags(Map.of("team", "vision"));
    child.logArtifact(file);
    child.endRun();
    parent.endRun();
    Service.Run stored = client.getRun(child.getId());
    SEEN.put("child", stored.getInfo().getRunName() + " " + stored.getInfo().getStatus());
    SEEN.put("parent", stored.getData().getTagsList().stream()
        .anyMatch(tag -> tag.getKey().equals("mlflow.parentRunId") && tag.getValue().equals(parent.getId())));
    SEEN.put("child id", child.getId());
  }

  private static void registry(MlflowClient client, String name) {
    ModelRegistry.RegisteredModel model = client.getRegisteredModel(name);
    SEEN.put("model", model.getName().equals(name));
    ModelRegistry.ModelVersion version = client.getModelVersion(name, "1");
    SEEN.put("version", version.getVersion() + " " + version.getStatus() + " " + version.getCurrentStage());
    SEEN.put("source", client.getModelVersionDownloadUri(name, "1"));
    SEEN.put("latest", client.getLatestVersions(name).size());
    SEEN.put("versions", client.searchModelVersions("name = '" + name + "'").getItems().size());
  }

  private static String json(Object value) {
    if (value instanceof Map<?, ?> map) {
      return map.entrySet().stream().map(entry -> json(entry.getKey()) + ":" + json(entry.getValue()))
          .collect(Collectors.joining(",", "{", "}"));
    }
    if (value instanceof List<?> list) {
      return list.stream().map(Client::json).collect(Collectors.joining(",", "[", "]"));
    }
    return value instanceof String text ? '"' + text + '"' : String.valueOf(value);
  }
}
