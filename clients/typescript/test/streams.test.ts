/** Streams of messages down, from a real server. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, type ConnectError } from "@connectrpc/connect";
import { ErrorReason, errorDetails, MetricService, Run_State, TrackingService } from "@milepost/client";
import { clientOf, collected, newRun } from "./support/clients.js";

test("a watch tells of a run and of its changes until it is aborted", async () => {
  const client = clientOf(TrackingService);
  const { runId } = await newRun();
  const stop = new AbortController();
  const states: (Run_State | undefined)[] = [];
  const watch = async () => {
    for await (const { run } of client.watchRun({ runId }, { signal: stop.signal })) {
      states.push(run?.state);
      if (states.length === 1) {
        await client.updateRun({ run: { runId, state: Run_State.FINISHED }, updateMask: { paths: ["state"] } });
      } else {
        stop.abort();
      }
    }
  };
  await assert.rejects(watch, (error: ConnectError) => error.code === Code.Canceled);
  assert.deepEqual(states, [Run_State.RUNNING, Run_State.FINISHED]);
});

test("a watch ends at its deadline", async () => {
  const { runId } = await newRun();
  const messages = clientOf(TrackingService).watchRun({ runId }, { timeoutMs: 300 });
  await assert.rejects(collected(messages), (error: ConnectError) => error.code === Code.DeadlineExceeded);
});

test("a stream that cannot begin fails with the reason", async () => {
  const messages = clientOf(TrackingService).watchRun({ runId: "nobody" });
  await assert.rejects(collected(messages), (error) => errorDetails(error).reason === ErrorReason.RUN_NOT_FOUND);
});

test("a stream that fails on its way fails with the reason", async () => {
  const { runId } = await newRun();
  const headers = { "grpc-timeout": "300m" }; // the server's own deadline: it says so within the stream
  const seen: unknown[] = [];
  const read = async () => {
    for await (const message of clientOf(TrackingService).watchRun({ runId }, { headers })) {
      seen.push(message);
    }
  };
  await assert.rejects(read, (error: ConnectError) => {
    return error.code === Code.DeadlineExceeded && errorDetails(error).reason === ErrorReason.DEADLINE_EXCEEDED;
  });
  assert.equal(seen.length, 1);
});

test("a stream that was cut off fails, and is not taken for complete", async () => {
  const { runId } = await newRun();
  await clientOf(MetricService).logMetrics({ runId, metrics: [{ key: "loss", values: [1] }] });
  const cut: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    return new Response((await response.text()).slice(0, -3));
  };
  const messages = clientOf(MetricService, { fetch: cut }).streamMetricHistory({ runId });
  await assert.rejects(collected(messages), (error: ConnectError) => error.code === Code.Unavailable);
});

test("all points of a run stream in their order", async () => {
  const client = clientOf(MetricService);
  const { runId } = await newRun();
  const steps = Array.from({ length: 70_000 }, (_, index) => BigInt(index));
  const values = steps.map(Number);
  await client.logMetrics({ runId, metrics: [{ key: "loss", values, steps }] });
  const messages = await collected(client.streamMetricHistory({ runId }));
  assert.ok(messages.length > 1);
  assert.deepEqual(
    messages.flatMap(({ points }) => points?.values ?? []),
    values,
  );
});

test("methods that stream both ways are refused with what to do", async () => {
  const messages = clientOf(MetricService).streamMetrics((async function* () {})());
  await assert.rejects(collected(messages), (error: ConnectError) => {
    return error.code === Code.Unimplemented && error.message.includes("use gRPC");
  });
});
