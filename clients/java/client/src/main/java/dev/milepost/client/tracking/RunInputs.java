package dev.milepost.client.tracking;

import dev.milepost.v1.Dataset;
import dev.milepost.v1.DatasetInput;
import dev.milepost.v1.LogInputsRequest;
import dev.milepost.v1.LogOutputsRequest;
import dev.milepost.v1.ModelInput;
import dev.milepost.v1.ModelOutput;

/**
 * Datasets that a run reads, and logged models that it uses.
 *
 * @param request what is sent, without the id of the run
 */
public record RunInputs(LogInputsRequest request) {
    /** {@return none yet} */
    public static RunInputs none() {
        return new RunInputs(LogInputsRequest.getDefaultInstance());
    }

    /**
     * {@return the same and a dataset}
     *
     * @param dataset its description; an experiment keeps the first of a name and digest
     * @param context the part that it plays, for example {@code training}; at most 250 characters
     */
    public RunInputs dataset(Dataset dataset, String context) {
        return dataset(DatasetInput.newBuilder()
                .setDataset(dataset)
                .setContext(context)
                .build());
    }

    /**
     * {@return the same and a dataset}
     *
     * @param input the dataset, the part that it plays, and tags of this use; at most 100 together
     */
    public RunInputs dataset(DatasetInput input) {
        return new RunInputs(request.toBuilder().addInputs(input).build());
    }

    /**
     * {@return the same and a logged model}
     *
     * @param id its id; at most 1,000 together
     */
    public RunInputs model(String id) {
        return new RunInputs(request.toBuilder()
                .addModels(ModelInput.newBuilder().setModelId(id))
                .build());
    }

    static LogOutputsRequest outputs(String runId, long step, String... modelIds) {
        LogOutputsRequest.Builder request = LogOutputsRequest.newBuilder().setRunId(runId);
        for (String model : modelIds) {
            request.addModels(ModelOutput.newBuilder().setModelId(model).setStep(step));
        }
        return request.build();
    }

    LogInputsRequest of(String runId) {
        return request.toBuilder().setRunId(runId).build();
    }
}
