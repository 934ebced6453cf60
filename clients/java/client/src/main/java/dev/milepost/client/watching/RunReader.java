package dev.milepost.client.watching;

import dev.milepost.v1.DatasetInput;
import dev.milepost.v1.ModelInput;
import dev.milepost.v1.ModelOutput;
import dev.milepost.v1.Run;
import dev.milepost.v1.WatchRunResponse;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Puts the messages of a watched run together. */
final class RunReader {
    private static final Comparator<ModelOutput> SERVER_ORDER =
            Comparator.comparingLong(ModelOutput::getStep).thenComparing(ModelOutput::getModelId);

    /** What tells the inputs of a run apart. */
    private record InputKey(String name, String digest, String context) {
        static InputKey of(DatasetInput use) {
            return new InputKey(use.getDataset().getName(), use.getDataset().getDigest(), use.getContext());
        }
    }

    private Run run = Run.getDefaultInstance();

    /** The whole run after a message; nothing when it is as it was. */
    List<Run> read(WatchRunResponse message) {
        if (!message.hasRun()) {
            return List.of();
        }
        run = message.getWhole() ? message.getRun() : joined(run, message);
        return List.of(run);
    }

    private static Run joined(Run before, WatchRunResponse message) {
        Run news = message.getRun();
        Run.Builder run = Run.newBuilder()
                .putAllParams(before.getParamsMap())
                .putAllTags(before.getTagsMap())
                .putAllMetrics(before.getMetricsMap())
                .mergeFrom(news);
        message.getRemovedTagsList().forEach(run::removeTags);
        message.getRemovedMetricsList().forEach(run::removeMetrics);
        Map<InputKey, DatasetInput> inputs = new LinkedHashMap<>();
        Stream.concat(before.getInputsList().stream(), news.getInputsList().stream())
                .forEach(use -> inputs.put(InputKey.of(use), use));
        run.clearInputs().addAllInputs(inputs.values());
        Map<String, ModelInput> used = new TreeMap<>();
        Stream.concat(before.getModelInputsList().stream(), news.getModelInputsList().stream())
                .forEach(model -> used.put(model.getModelId(), model));
        run.clearModelInputs().addAllModelInputs(used.values());
        Map<String, ModelOutput> made = new LinkedHashMap<>();
        Stream.concat(before.getModelOutputsList().stream(), news.getModelOutputsList().stream())
                .forEach(model -> made.put(model.getModelId(), model));
        run.clearModelOutputs();
        made.values().stream().sorted(SERVER_ORDER).forEach(run::addModelOutputs);
        return run.build();
    }
}
