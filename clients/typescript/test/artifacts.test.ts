/** Bytes up and down, to and from a real server. */

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { Code, type ConnectError } from "@connectrpc/connect";
import {
  ArtifactService,
  type DownloadArtifactResponse,
  ErrorReason,
  errorDetails,
  MetricService,
} from "@milepost/client";
import { clientOf, collected, newRun } from "./support/clients.js";

const PATH = "plots/größe: 100 #1?.bin";
const DATA = randomBytes(3_000_000);
const SHA256 = createHash("sha256").update(DATA).digest("hex");

async function uploaded(first: { sha256?: string; size?: bigint } = {}) {
  const { runId } = await newRun();
  const { artifact } = await clientOf(ArtifactService).uploadArtifact(
    (async function* () {
      yield { runId, path: PATH, ...first, body: { contentType: "image/png", data: DATA.subarray(0, 10) } };
      for (let begin = 10; begin < DATA.length; begin += 700_000) {
        yield { body: { data: DATA.subarray(begin, begin + 700_000) } };
      }
    })(),
  );
  return { runId, artifact };
}

function bytesOf(messages: DownloadArtifactResponse[]): Buffer {
  return Buffer.concat(messages.map(({ body }) => body?.data ?? new Uint8Array()));
}

test("an upload comes back with the facts of the whole in the first message", async () => {
  const { runId, artifact } = await uploaded({ sha256: SHA256, size: BigInt(DATA.length) });
  assert.equal(artifact?.sha256, SHA256);
  const messages = await collected(clientOf(ArtifactService).downloadArtifact({ runId, path: PATH }));
  assert.ok(bytesOf(messages).equals(DATA));
  const { size, sha256, filename, body } = messages[0] ?? {};
  assert.deepEqual(
    [size, sha256, filename, body?.contentType],
    [BigInt(DATA.length), SHA256, "größe: 100 #1?.bin", "image/png"],
  );
});

test("a range is what was asked for, with the size of the whole", async () => {
  const { runId } = await uploaded();
  const range = { runId, path: PATH, offset: 5n, length: 7n };
  const messages = await collected(clientOf(ArtifactService).downloadArtifact(range));
  assert.ok(bytesOf(messages).equals(DATA.subarray(5, 12)));
  assert.equal(messages[0]?.size, BigInt(DATA.length));
});

test("a range past the end is refused", async () => {
  const { runId } = await uploaded();
  const messages = clientOf(ArtifactService).downloadArtifact({ runId, path: PATH, offset: 4_000_000n });
  await assert.rejects(collected(messages), (error) => errorDetails(error).reason === ErrorReason.BAD_RANGE);
});

test("an empty file has its facts", async () => {
  const { runId } = await newRun();
  const client = clientOf(ArtifactService);
  await client.uploadArtifact(
    (async function* () {
      yield { runId, path: "empty" };
    })(),
  );
  const messages = await collected(client.downloadArtifact({ runId, path: "empty" }));
  assert.deepEqual([messages.length, messages[0]?.size, messages[0]?.filename], [1, 0n, "empty"]);
});

test("an upload whose digest is another is refused with the reason", async () => {
  await assert.rejects(uploaded({ sha256: "0".repeat(64) }), (error) => {
    return errorDetails(error).reason === ErrorReason.CHECKSUM_MISMATCH;
  });
});

test("an upload whose source fails stores nothing and fails with the same", async () => {
  const { runId } = await newRun();
  const client = clientOf(ArtifactService);
  const upload = client.uploadArtifact(
    (async function* () {
      yield { runId, path: "half", body: { data: DATA } };
      throw new Error("the disk broke");
    })(),
  );
  await assert.rejects(upload, (error: ConnectError) => error.rawMessage === "the disk broke");
  assert.deepEqual((await client.listArtifacts({ runId })).artifacts, []);
});

test("a later message of an upload may have bytes only", async () => {
  const { runId } = await newRun();
  const upload = clientOf(ArtifactService).uploadArtifact(
    (async function* () {
      yield { runId, path: "file" };
      yield { sha256: SHA256 };
    })(),
  );
  await assert.rejects(upload, (error: ConnectError) => {
    return error.code === Code.InvalidArgument && error.message.includes("sha256");
  });
});

test("where streams cannot be sent, an upload is sent whole", async () => {
  Object.assign(globalThis, { document: {} });
  try {
    const { artifact } = await uploaded();
    assert.equal(artifact?.sha256, SHA256);
  } finally {
    Reflect.deleteProperty(globalThis, "document");
  }
});

test("points come as an Arrow stream", async () => {
  const { runId } = await newRun();
  const client = clientOf(MetricService);
  await client.logMetrics({ runId, metrics: [{ key: "loss", values: [1, 2] }] });
  const messages = await collected(client.exportMetricHistory({ runId }));
  assert.equal(messages[0]?.body?.contentType, "application/vnd.apache.arrow.stream");
  assert.ok(Buffer.concat(messages.map(({ body }) => body?.data ?? new Uint8Array())).includes("timestamp_ms"));
});
