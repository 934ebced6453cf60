/** Unary calls to a real server. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type DescMethod, type DescMethodUnary, type Message, ScalarType } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  ArtifactService,
  createMilepostTransport,
  ErrorReason,
  errorDetails,
  ImportService,
  LoggedModelService,
  MetricService,
  RegistryService,
  ServerService,
  TrackingService,
  WebhookService,
} from "@milepost/client";
import { rulesOf } from "#src/rules.js";
import { clientOf, newName, newRun } from "./support/clients.js";
import { serverUrl } from "./support/server.js";

const GREATEST = 9223372036854775807n;

test("every unary method of the tracking server is found and its request read", async () => {
  const transport = createMilepostTransport({ baseUrl: serverUrl });
  const services = [
    ArtifactService,
    ImportService,
    LoggedModelService,
    MetricService,
    RegistryService,
    ServerService,
    TrackingService,
    WebhookService,
  ];
  const unread = [ErrorReason.METHOD_NOT_FOUND, ErrorReason.MALFORMED_BODY, ErrorReason.UNKNOWN_FIELD];
  const isUnary = (method: DescMethod): method is DescMethodUnary => method.methodKind === "unary";
  for (const method of services.flatMap<DescMethod>((service) => service.methods).filter(isUnary)) {
    const reason = await reasonOf(() => transport.unary(method, undefined, undefined, undefined, nobody(method)));
    assert.ok(!unread.includes(reason), `${method.name}: ${ErrorReason[reason]}`);
  }
});

/** A request whose path names what does not exist. */
function nobody(method: DescMethodUnary): Message {
  const message: Record<string, unknown> = {};
  for (const part of rulesOf(method)?.rules[0].parts ?? []) {
    if (typeof part !== "string") {
      let owner = message;
      for (const field of part.fields.slice(0, -1)) {
        owner[field.localName] ??= {};
        owner = owner[field.localName] as Record<string, unknown>;
      }
      const last = part.fields.at(-1);
      assert.ok(last);
      owner[last.localName] = last.scalar === ScalarType.STRING ? "999" : 999n;
    }
  }
  return message as unknown as Message;
}

async function reasonOf(call: () => Promise<unknown>): Promise<ErrorReason> {
  try {
    await call();
    return ErrorReason.UNSPECIFIED;
  } catch (error) {
    return errorDetails(error).reason;
  }
}

test("an experiment is created, found by its name and changed", async () => {
  const client = clientOf(TrackingService);
  const name = newName("Größe/Δ 😀");
  const { experiment } = await client.createExperiment({ experiment: { name, tags: { "a/b:c": "ü&=?" } } });
  const found = await client.getExperimentByName({ name });
  assert.deepEqual(found.experiment, experiment);
  assert.ok(experiment);
  const { experimentId } = experiment;
  const changed = await client.updateExperiment({
    experiment: { experimentId, description: "changed" },
    updateMask: { paths: ["description"] },
  });
  assert.equal(changed.experiment?.description, "changed");
  assert.deepEqual(changed.experiment.tags, { "a/b:c": "ü&=?" });
});

test("params of all kinds come back as they were", async () => {
  const client = clientOf(TrackingService);
  const params = {
    text: { kind: { case: "stringValue", value: "\u2028 😀 \\" } },
    large: { kind: { case: "intValue", value: -GREATEST - 1n } },
    nan: { kind: { case: "doubleValue", value: Number.NaN } },
    zero: { kind: { case: "doubleValue", value: -0 } },
    least: { kind: { case: "doubleValue", value: 5e-324 } },
    no: { kind: { case: "boolValue", value: false } },
    json: { kind: { case: "jsonValue", value: '{"a": 1.0}' } },
  } as const;
  const startTime = timestampFromMs(1_700_000_000_123);
  const { run } = await client.createRun({ run: { params, startTime } });
  const read = await client.getRun({ runId: run?.runId ?? "" });
  assert.deepEqual(
    Object.fromEntries(Object.entries(read.run?.params ?? {}).map(([key, { kind }]) => [key, { kind }])),
    params,
  );
  assert.ok(read.run?.startTime);
  assert.equal(timestampMs(read.run.startTime), 1_700_000_000_123);
});

test("metric points come back as they were, but for the payload of NaN", async () => {
  const client = clientOf(MetricService);
  const { runId } = await newRun();
  const values = [-0, Number.NaN, Number.POSITIVE_INFINITY, 5e-324, 1.7976931348623157e308, 0.1];
  const steps = [0n, -1n, GREATEST, -GREATEST - 1n, 9007199254740993n, 1n];
  const timestampsMs = [1n, 2n, 3n, 4n, GREATEST, 6n];
  const key = "train/ä:b c";
  await client.logMetrics({ runId, metrics: [{ key, values, steps, timestampsMs }] });
  const { points } = await client.listMetricHistory({ runId, metricKey: key });
  assert.ok(points);
  assert.deepEqual([points.values, points.steps, points.timestampsMs], [values, steps, timestampsMs]);
});

test("runs are searched by filter, order and mask, page by page", async () => {
  const client = clientOf(TrackingService);
  const { experiment } = await client.createExperiment({ experiment: { name: newName("search") } });
  const experimentId = experiment?.experimentId ?? "";
  for (const depth of [1n, 2n, 3n]) {
    await client.createRun({ run: { experimentId, params: { depth: { kind: { case: "intValue", value: depth } } } } });
  }
  const query = {
    experimentIds: [experimentId],
    filter: "params.depth >= 2",
    orderBy: "params.depth DESC",
    readMask: { paths: ["run_id", "params"] },
    pageSize: 1,
  };
  const first = await client.listRuns(query);
  const second = await client.listRuns({ ...query, pageToken: first.nextPageToken });
  const depths = [...first.runs, ...second.runs].map((run) => run.params.depth?.kind.value);
  assert.deepEqual([depths, second.nextPageToken, first.runs[0]?.experimentId], [[3n, 2n], "", ""]);
});

test("a filter too long for an address is searched with all the same", async () => {
  const filter = `tags.team = 'a' OR tags.team = '${"x".repeat(4500)}'`;
  assert.deepEqual((await clientOf(TrackingService).listRuns({ filter })).runs, []);
});

test("an error has the code, the reason and what the reason is about", async () => {
  const call = clientOf(TrackingService).getRun({ runId: "nobody" });
  const error = await call.catch((raised: unknown) => raised);
  assert.ok(error instanceof ConnectError);
  assert.equal(error.code, Code.NotFound);
  const details = errorDetails(error);
  assert.equal(details.reason, ErrorReason.RUN_NOT_FOUND);
  assert.equal(details.metadata.runId, "nobody");
  assert.notEqual(error.metadata.get("x-request-id"), null);
});

test("an error names the fields at fault", async () => {
  const call = clientOf(TrackingService).createExperiment({ experiment: { name: "x".repeat(251) } });
  const error = await call.catch((raised: unknown) => raised);
  const { reason, fields } = errorDetails(error);
  assert.deepEqual([reason, fields.map(({ field }) => field)], [ErrorReason.INVALID_FIELD, ["experiment.name"]]);
});

test("an error that is none of Milepost's keeps its text and gets a code", async () => {
  const fetch = async () => new Response("<html>", { status: 502, statusText: "Bad Gateway" });
  const call = clientOf(TrackingService, { fetch }).getRun({ runId: "r" }, { timeoutMs: 50 });
  await assert.rejects(call, (error: ConnectError) => {
    return error.code === Code.Unavailable && error.rawMessage === "HTTP 502 Bad Gateway: <html>";
  });
});

test("an answer that is none of Milepost's is said to be", async () => {
  const fetch = async () => new Response("<html>");
  await assert.rejects(clientOf(TrackingService, { fetch }).listRuns({}), /is this the address of a Milepost server/);
});

test("a call whose answer was lost is repeated and done once", async () => {
  let lost = 0;
  const lossy: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (lost++ === 0) {
      throw new TypeError("the connection broke");
    }
    return response;
  };
  const name = newName("once");
  const { experiment } = await clientOf(TrackingService, { fetch: lossy }).createExperiment({ experiment: { name } });
  assert.equal(experiment?.name, name);
  assert.equal(lost, 2);
});

test("a server that is away is said to be, when the time of the call has passed", async () => {
  const client = clientOf(TrackingService, { baseUrl: "http://127.0.0.1:1", defaultTimeoutMs: 300 });
  await assert.rejects(client.listRuns({}), (error: ConnectError) => {
    return error.code === Code.Unavailable && error.message.includes("does not answer");
  });
});

test("interceptors see the template of the path and can add headers", async () => {
  const seen: string[] = [];
  const client = clientOf(ServerService, {
    interceptors: [
      (next) => (request) => {
        seen.push(`${request.requestMethod} ${request.url.slice(serverUrl.length)}`);
        request.header.set("x-request-id", "chosen");
        return next(request);
      },
    ],
  });
  let answered: string | null = "";
  const { server } = await client.getServerInfo({}, { onHeader: (header) => (answered = header.get("x-request-id")) });
  assert.equal(server?.database, "sqlite");
  assert.deepEqual([seen, answered], [["GET /v1/server"], "chosen"]);
});
