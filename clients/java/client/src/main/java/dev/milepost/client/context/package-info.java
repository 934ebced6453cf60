/**
 * For programs that move from MLflow's Java client: {@link dev.milepost.client.context.MilepostContext} and
 * {@link dev.milepost.client.context.ContextRun} have the methods of {@code MlflowContext} and {@code ActiveRun}, so
 * that a program moves by changing imports and names of classes. It also needs the address of the server's gRPC port in
 * place of its URL, from {@code MILEPOST_TRACKING_URI} or as an argument.
 *
 * <p>What a client does follows from the table: each public constructor and method of {@code MlflowContext},
 * {@code ActiveRun} and {@code MlflowClient} of {@code org.mlflow:mlflow-client} 2.17.2, the newest on Maven Central in
 * November 2026, and what to call instead, with {@code context} a {@code MilepostContext}, {@code run} a
 * {@code ContextRun} and {@code client} a {@link dev.milepost.client.MilepostClient}. Everywhere:
 *
 * <ul>
 *   <li>Failures are {@link dev.milepost.client.errors.MilepostException}, by kind and with a reason, where MLflow's
 *       are {@code MlflowClientException} and {@code MlflowHttpException}.
 *   <li>Artifacts go by this client itself; MLflow's starts a Python process with {@code mlflow} for them.
 *   <li>Params keep their types: int64 and doubles are exact. Values of metrics are kept bit for bit, infinities and
 *       the payload of NaN included.
 *   <li>Lists fetch their pages as they are read; there are no page tokens to pass on.
 *   <li>A client is no {@code Serializable}: make one where it is used, for example on each Spark executor.
 * </ul>
 *
 * <table>
 * <caption>What to call in place of MLflow's methods</caption>
 * <thead><tr><th scope="col">MLflow</th><th scope="col">Milepost</th></tr></thead>
 * <tbody>
 * <tr><td>{@code MlflowContext()}</td>
 *     <td>{@link MilepostContext#MilepostContext() new MilepostContext()}: the address is that of
 *     {@code MILEPOST_TRACKING_URI}, else {@code 127.0.0.1:5001}</td></tr>
 * <tr><td>{@code MlflowContext(String)}</td>
 *     <td>{@link MilepostContext#MilepostContext(String) new MilepostContext(target)}</td></tr>
 * <tr><td>{@code MlflowContext(MlflowClient)}</td>
 *     <td>{@link MilepostContext#MilepostContext(MilepostClient) new MilepostContext(client)}</td></tr>
 * <tr><td>{@code MlflowContext.getClient()}</td>
 *     <td>{@link MilepostContext#getClient() context.getClient()}</td></tr>
 * <tr><td>{@code MlflowContext.setExperimentName(String)}</td>
 *     <td>{@link MilepostContext#setExperimentName(String) context.setExperimentName(name)}</td></tr>
 * <tr><td>{@code MlflowContext.setExperimentId(String)}</td>
 *     <td>{@link MilepostContext#setExperimentId(String) context.setExperimentId(id)}</td></tr>
 * <tr><td>{@code MlflowContext.getExperimentId()}</td>
 *     <td>{@link MilepostContext#getExperimentId() context.getExperimentId()}</td></tr>
 * <tr><td>{@code MlflowContext.startRun()}</td>
 *     <td>{@link MilepostContext#startRun() context.startRun()}</td></tr>
 * <tr><td>{@code MlflowContext.startRun(String)}</td>
 *     <td>{@link MilepostContext#startRun(String) context.startRun(name)}</td></tr>
 * <tr><td>{@code MlflowContext.startRun(String, String)}</td>
 *     <td>{@link MilepostContext#startRun(String, String) context.startRun(name, parentRunId)}</td></tr>
 * <tr><td>{@code MlflowContext.withActiveRun(Consumer<ActiveRun>)}</td>
 *     <td>{@link MilepostContext#withActiveRun(Consumer) context.withActiveRun(work)}: what the work throws reaches the
 *     caller; MLflow's client keeps it</td></tr>
 * <tr><td>{@code MlflowContext.withActiveRun(String, Consumer<ActiveRun>)}</td>
 *     <td>{@link MilepostContext#withActiveRun(String, Consumer) context.withActiveRun(name, work)}, likewise</td></tr>
 * <tr><td>{@code ActiveRun.getId()}</td>
 *     <td>{@link ContextRun#getId() run.getId()}</td></tr>
 * <tr><td>{@code ActiveRun.logParam(String, String)}</td>
 *     <td>{@link ContextRun#logParam(String, Object) run.logParam(key, value)}</td></tr>
 * <tr><td>{@code ActiveRun.setTag(String, String)}</td>
 *     <td>{@link ContextRun#setTag(String, String) run.setTag(key, value)}</td></tr>
 * <tr><td>{@code ActiveRun.logMetric(String, double)}</td>
 *     <td>{@link ContextRun#logMetric(String, double) run.logMetric(key, value)}: in the background</td></tr>
 * <tr><td>{@code ActiveRun.logMetric(String, double, int)}</td>
 *     <td>{@link ContextRun#logMetric(String, double, long) run.logMetric(key, value, step)}: in the
 *     background</td></tr>
 * <tr><td>{@code ActiveRun.logMetrics(Map<String, Double>)}</td>
 *     <td>{@link ContextRun#logMetrics(Map) run.logMetrics(metrics)}: in the background</td></tr>
 * <tr><td>{@code ActiveRun.logMetrics(Map<String, Double>, int)}</td>
 *     <td>{@link ContextRun#logMetrics(Map, long) run.logMetrics(metrics, step)}: in the background</td></tr>
 * <tr><td>{@code ActiveRun.logParams(Map<String, String>)}</td>
 *     <td>{@link ContextRun#logParams(Map) run.logParams(params)}</td></tr>
 * <tr><td>{@code ActiveRun.setTags(Map<String, String>)}</td>
 *     <td>{@link ContextRun#setTags(Map) run.setTags(tags)}</td></tr>
 * <tr><td>{@code ActiveRun.logArtifact(Path)}</td>
 *     <td>{@link ContextRun#logArtifact(Path) run.logArtifact(file)}</td></tr>
 * <tr><td>{@code ActiveRun.logArtifact(Path, String)}</td>
 *     <td>{@link ContextRun#logArtifact(Path, String) run.logArtifact(file, directory)}</td></tr>
 * <tr><td>{@code ActiveRun.logArtifacts(Path)}</td>
 *     <td>{@link ContextRun#logArtifacts(Path) run.logArtifacts(folder)}</td></tr>
 * <tr><td>{@code ActiveRun.logArtifacts(Path, String)}</td>
 *     <td>{@link ContextRun#logArtifacts(Path, String) run.logArtifacts(folder, directory)}</td></tr>
 * <tr><td>{@code ActiveRun.getArtifactUri()}</td>
 *     <td>{@link ContextRun#getArtifactUri() run.getArtifactUri()}</td></tr>
 * <tr><td>{@code ActiveRun.endRun()}</td>
 *     <td>{@link ContextRun#endRun() run.endRun()}</td></tr>
 * <tr><td>{@code ActiveRun.endRun(RunStatus)}</td>
 *     <td>{@link ContextRun#endRun(dev.milepost.v1.Run.State) run.endRun(state)}</td></tr>
 * <tr><td>{@code MlflowClient()}</td>
 *     <td>{@link dev.milepost.client.MilepostClient#builder() MilepostClient.builder().build()}</td></tr>
 * <tr><td>{@code MlflowClient(String)}</td>
 *     <td>{@link dev.milepost.client.MilepostClient#connect(String) MilepostClient.connect(target)}</td></tr>
 * <tr><td>{@code MlflowClient(MlflowHostCredsProvider)}</td>
 *     <td>{@link dev.milepost.client.calls.ConnectionBuilder#token(Supplier)
 *     MilepostClient.builder().target(target).token(supplier).build()}</td></tr>
 * <tr><td>{@code MlflowClient.close()}</td>
 *     <td>{@link dev.milepost.client.MilepostClient#close() client.close()}</td></tr>
 * <tr><td>{@code MlflowClient.sendGet(String)}, {@code MlflowClient.sendPost(String, String)},
 *     {@code MlflowClient.sendPatch(String, String)}</td>
 *     <td>None: each call of the server has a verb, and {@code dev.milepost.v1} its stubs</td></tr>
 * <tr><td>{@code MlflowClient.createExperiment(String)}</td>
 *     <td>{@link dev.milepost.client.tracking.Experiments#create(String) client.experiments().create(name)}, and its
 *     {@code id()}</td></tr>
 * <tr><td>{@code MlflowClient.createExperiment(CreateExperiment)}</td>
 *     <td>{@link dev.milepost.client.tracking.Experiments#create(NewExperiment)
 *     client.experiments().create(NewExperiment.named(name).tag(key, value))}</td></tr>
 * <tr><td>{@code MlflowClient.getExperiment(String)}</td>
 *     <td>{@link dev.milepost.client.tracking.Experiments#get(String) client.experiments().get(id)}</td></tr>
 * <tr><td>{@code MlflowClient.getExperimentByName(String)}</td>
 *     <td>{@link dev.milepost.client.tracking.Experiments#getByName(String)
 *     client.experiments().getByName(name)}, which throws {@code NotFoundException} when there is none; or
 *     {@link dev.milepost.client.tracking.Experiments#getOrCreate(String)
 *     client.experiments().getOrCreate(name)}</td></tr>
 * <tr><td>{@code MlflowClient.searchExperiments()}</td>
 *     <td>{@link dev.milepost.client.tracking.Experiments#list() client.experiments().list()}</td></tr>
 * <tr><td>{@code MlflowClient.searchExperiments(String)}</td>
 *     <td>{@link dev.milepost.client.tracking.Experiments#list(String) client.experiments().list(filter)}</td></tr>
 * <tr><td>{@code MlflowClient.searchExperiments(String, ViewType, int, List<String>)},
 *     {@code MlflowClient.searchExperiments(String, ViewType, int, List<String>, String)}</td>
 *     <td>{@link dev.milepost.client.tracking.Experiments#list(ExperimentQuery)
 *     client.experiments().list(query)}</td></tr>
 * <tr><td>{@code MlflowClient.renameExperiment(String, String)}</td>
 *     <td>{@link dev.milepost.client.tracking.Experiments#update(String, ExperimentUpdate)
 *     client.experiments().update(id, ExperimentUpdate.none().name(name))}</td></tr>
 * <tr><td>{@code MlflowClient.setExperimentTag(String, String, String)}</td>
 *     <td>{@link dev.milepost.client.tracking.Experiments#updateTags(String, Map, Collection)
 *     client.experiments().updateTags(id, Map.of(key, value), List.of())}</td></tr>
 * <tr><td>{@code MlflowClient.deleteExperiment(String)}</td>
 *     <td>{@link dev.milepost.client.tracking.Experiments#delete(String) client.experiments().delete(id)}</td></tr>
 * <tr><td>{@code MlflowClient.restoreExperiment(String)}</td>
 *     <td>{@link dev.milepost.client.tracking.Experiments#restore(String) client.experiments().restore(id)}</td></tr>
 * <tr><td>{@code MlflowClient.createRun()}, {@code MlflowClient.createRun(String)},
 *     {@code MlflowClient.createRun(CreateRun)}</td>
 *     <td>{@link dev.milepost.client.tracking.Runs#create(NewRun) client.runs().create(NewRun.in(experimentId))}, with
 *     {@code NewRun.inDefault()} for the first</td></tr>
 * <tr><td>{@code MlflowClient.getRun(String)}</td>
 *     <td>{@link dev.milepost.client.tracking.Runs#get(String) client.runs().get(id)}</td></tr>
 * <tr><td>{@code MlflowClient.listRunInfos(String)}</td>
 *     <td>{@link dev.milepost.client.tracking.Runs#list(RunQuery) client.runs().list(RunQuery.in(experimentId))}: all
 *     runs, where MLflow's client stops at 1,000</td></tr>
 * <tr><td>{@code MlflowClient.searchRuns(List<String>, String)},
 *     {@code MlflowClient.searchRuns(List<String>, String, ViewType)},
 *     {@code MlflowClient.searchRuns(List<String>, String, ViewType, int)},
 *     {@code MlflowClient.searchRuns(List<String>, String, ViewType, int, List<String>)},
 *     {@code MlflowClient.searchRuns(List<String>, String, ViewType, int, List<String>, String)}</td>
 *     <td>{@link dev.milepost.client.tracking.Runs#list(RunQuery)
 *     client.runs().list(RunQuery.in(ids).filter(filter).orderBy(keys))}, with {@code view(…)} for deleted ones; the
 *     whole runs, with their params and metrics</td></tr>
 * <tr><td>{@code MlflowClient.deleteRun(String)}</td>
 *     <td>{@link dev.milepost.client.tracking.Runs#delete(String) client.runs().delete(id)}</td></tr>
 * <tr><td>{@code MlflowClient.restoreRun(String)}</td>
 *     <td>{@link dev.milepost.client.tracking.Runs#restore(String) client.runs().restore(id)}</td></tr>
 * <tr><td>{@code MlflowClient.setTerminated(String)}, {@code MlflowClient.setTerminated(String, RunStatus)},
 *     {@code MlflowClient.setTerminated(String, RunStatus, long)}</td>
 *     <td>{@link dev.milepost.client.tracking.Runs#update(String, RunUpdate)
 *     client.runs().update(id, RunUpdate.none().state(state))}, with {@code endTime(…)} for another time
 *     than now</td></tr>
 * <tr><td>{@code MlflowClient.logParam(String, String, String)}</td>
 *     <td>{@link dev.milepost.client.tracking.Runs#logBatch(String, RunBatch)
 *     client.runs().logBatch(id, RunBatch.builder().param(key, value).build())}</td></tr>
 * <tr><td>{@code MlflowClient.setTag(String, String, String)}</td>
 *     <td>{@link dev.milepost.client.tracking.Runs#logBatch(String, RunBatch)
 *     client.runs().logBatch(id, RunBatch.builder().tag(key, value).build())}</td></tr>
 * <tr><td>{@code MlflowClient.deleteTag(String, String)}</td>
 *     <td>{@link dev.milepost.client.tracking.Runs#deleteTags(String, String...)
 *     client.runs().deleteTags(id, key)}</td></tr>
 * <tr><td>{@code MlflowClient.logMetric(String, String, double)},
 *     {@code MlflowClient.logMetric(String, String, double, long, long)}</td>
 *     <td>{@link dev.milepost.client.tracking.Metrics#log(String, Map, long)
 *     client.metrics().log(id, Map.of(key, value), step)}; with a time
 *     {@link dev.milepost.client.tracking.Runs#logBatch(String, RunBatch)
 *     client.runs().logBatch(id, RunBatch.builder().metric(key, value, step, timestampMs).build())}</td></tr>
 * <tr><td>{@code MlflowClient.logBatch(String, Iterable<Metric>, Iterable<Param>, Iterable<RunTag>)}</td>
 *     <td>{@link dev.milepost.client.tracking.Runs#logBatch(String, RunBatch) client.runs().logBatch(id, batch)}: all
 *     or nothing</td></tr>
 * <tr><td>{@code MlflowClient.getMetricHistory(String, String)}</td>
 *     <td>{@link dev.milepost.client.tracking.Metrics#history(String, String) client.metrics().history(id, key)}: as
 *     primitive columns</td></tr>
 * <tr><td>{@code MlflowClient.logArtifact(String, File)}</td>
 *     <td>{@link dev.milepost.client.artifacts.Artifacts#upload(String, Path)
 *     client.artifacts().upload(runId, file)}</td></tr>
 * <tr><td>{@code MlflowClient.logArtifact(String, File, String)}</td>
 *     <td>{@link dev.milepost.client.artifacts.Artifacts#upload(String, Path, String)
 *     client.artifacts().upload(runId, file, directory + "/" + name)}</td></tr>
 * <tr><td>{@code MlflowClient.logArtifacts(String, File)}, {@code MlflowClient.logArtifacts(String, File, String)}</td>
 *     <td>{@link dev.milepost.client.artifacts.Artifacts#upload(String, Path, String)
 *     client.artifacts().upload(runId, folder, directory)}, with {@code ""} for the first</td></tr>
 * <tr><td>{@code MlflowClient.listArtifacts(String)}</td>
 *     <td>{@link dev.milepost.client.artifacts.Artifacts#list(String) client.artifacts().list(runId)}</td></tr>
 * <tr><td>{@code MlflowClient.listArtifacts(String, String)}</td>
 *     <td>{@link dev.milepost.client.artifacts.Artifacts#list(String, String, boolean)
 *     client.artifacts().list(runId, directory, false)}</td></tr>
 * <tr><td>{@code MlflowClient.downloadArtifacts(String)}, {@code MlflowClient.downloadArtifacts(String, String)}</td>
 *     <td>{@link dev.milepost.client.artifacts.Artifacts#download(String, String, Path)
 *     client.artifacts().download(runId, path, destination)}, with {@code ""} for all; to a place that the caller
 *     names</td></tr>
 * <tr><td>{@code MlflowClient.getRegisteredModel(String)}</td>
 *     <td>{@link dev.milepost.client.registry.RegisteredModels#get(String)
 *     client.registeredModels().get(name)}</td></tr>
 * <tr><td>{@code MlflowClient.getModelVersion(String, String)}</td>
 *     <td>{@link dev.milepost.client.registry.ModelVersions#get(String, long)
 *     client.modelVersions().get(name, version)}</td></tr>
 * <tr><td>{@code MlflowClient.getLatestVersions(String)},
 *     {@code MlflowClient.getLatestVersions(String, Iterable<String>)}</td>
 *     <td>{@link dev.milepost.client.registry.ModelVersions#list(ModelVersionQuery)
 *     client.modelVersions().list(ModelVersionQuery.of(name).filter("stage = 'PRODUCTION'"))}, the newest first, for
 *     each stage; or the version of an alias:
 *     {@link dev.milepost.client.registry.ModelVersions#getByAlias(String, String)
 *     client.modelVersions().getByAlias(name, alias)}</td></tr>
 * <tr><td>{@code MlflowClient.searchModelVersions()}, {@code MlflowClient.searchModelVersions(String)},
 *     {@code MlflowClient.searchModelVersions(String, int, List<String>)},
 *     {@code MlflowClient.searchModelVersions(String, int, List<String>, String)}</td>
 *     <td>{@link dev.milepost.client.registry.ModelVersions#list(ModelVersionQuery)
 *     client.modelVersions().list(query)}</td></tr>
 * <tr><td>{@code MlflowClient.getModelVersionDownloadUri(String, String)}</td>
 *     <td>{@link dev.milepost.client.registry.ModelVersionHandle#uri()
 *     client.modelVersions().get(name, version).uri()}: {@code models:/NAME/VERSION}, which every client of Milepost
 *     takes</td></tr>
 * <tr><td>{@code MlflowClient.downloadModelVersion(String, String)}</td>
 *     <td>{@link dev.milepost.client.registry.ModelVersionHandle#download(Path)
 *     client.modelVersions().get(name, version).download(destination)}</td></tr>
 * <tr><td>{@code MlflowClient.downloadLatestModelVersion(String, String)}</td>
 *     <td>{@link dev.milepost.client.registry.ModelVersionHandle#download(Path)
 *     client.modelVersions().getByAlias(name, alias).download(destination)}, or of the first that a list by stage
 *     has</td></tr>
 * </tbody>
 * </table>
 */
package dev.milepost.client.context;

import dev.milepost.client.MilepostClient;
import dev.milepost.client.registry.ModelVersionQuery;
import dev.milepost.client.tracking.ExperimentQuery;
import dev.milepost.client.tracking.ExperimentUpdate;
import dev.milepost.client.tracking.NewExperiment;
import dev.milepost.client.tracking.NewRun;
import dev.milepost.client.tracking.RunBatch;
import dev.milepost.client.tracking.RunQuery;
import dev.milepost.client.tracking.RunUpdate;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
