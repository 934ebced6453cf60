/** Path, query and body of every method, against its rule. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, test } from "node:test";
import { create, type DescFile, type DescMessage, type DescMethod, equals } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import * as contract from "@milepost/client";
import { requestOf } from "#src/requests.js";
import { rulesOf } from "#src/rules.js";
import { readBy, sampleOf } from "./support/samples.js";

const files = Object.values<unknown>(contract).filter(
  (value): value is DescFile => typeof value === "object" && value !== null && "kind" in value && value.kind === "file",
);
const services = files.flatMap((file) => file.services);
const methods = services.flatMap((service) => service.methods);
/** Each method whose requests are JSON, with its rules. */
const bound = methods.flatMap((method) => {
  const known = rulesOf(method);
  return known === undefined || method.methodKind === "client_streaming" ? [] : [{ method, known }];
});

function request<I extends DescMessage>(method: DescMethod & { input: I }, message: Parameters<typeof create<I>>[1]) {
  const known = rulesOf(method);
  assert.ok(known);
  return requestOf(method, known, create(method.input, message));
}

function refused(code: Code, text: RegExp) {
  return (error: unknown) => error instanceof ConnectError && error.code === code && text.test(error.message);
}

describe("what the rule of a method reads is what was sent", () => {
  for (const { method, known } of bound) {
    test(`${method.parent.name}.${method.name}`, () => {
      for (const rule of known.rules) {
        const one = { ...known, rules: [rule] as const };
        const message = sampleOf(method.input, rule.body === "*");
        assert.ok(equals(method.input, readBy(rule, method.input, requestOf(method, one, message)), message));
      }
    });
  }
});

test("the package has all files of milepost.v1", () => {
  const protos = readdirSync("../../protos/milepost/v1").map((file) => `milepost/v1/${file.replace(".proto", "")}`);
  assert.deepEqual(files.map((file) => file.name).sort(), protos.sort());
});

test("every method has a rule but those that stream both ways", () => {
  for (const method of methods) {
    assert.equal(rulesOf(method) === undefined, method.methodKind === "bidi_streaming", method.name);
  }
});

test("every body of an answer that a rule names is raw bytes", () => {
  for (const { method, known } of bound) {
    const body = method.output.fields.find((field) => field.name === known.responseBody);
    assert.equal(body?.message?.typeName, known.responseBody === "" ? undefined : "google.api.HttpBody");
  }
});

test("slashes of a path of several segments stay, and all else is escaped", () => {
  const { target } = request(contract.ArtifactService.method.deleteArtifacts, { runId: "a/b", path: "ä/b c:d" });
  assert.equal(target, "/v1/runs/a%2Fb/artifacts/%C3%A4/b%20c%3Ad");
});

test("negative zero keeps its sign in a body", () => {
  const values = [-0, 0, Number.NaN, Number.NEGATIVE_INFINITY];
  const { body } = request(contract.MetricService.method.logMetrics, { runId: "r", metrics: [{ key: "k", values }] });
  assert.equal(body, '{"metrics":[{"key":"k","values":[-0.0,0,"NaN","-Infinity"]}]}');
});

test("what no query can hold goes by the rule that has a body", () => {
  const { method } = contract.LoggedModelService;
  assert.equal(request(method.listLoggedModels, { filter: "x" }).verb, "GET");
  assert.equal(request(method.listLoggedModels, { datasets: [{ name: "d" }] }).target, "/v1/loggedModels:search");
});

test("what would make an address too long goes by the rule that has a body", () => {
  const filter = "x".repeat(5000);
  const { verb, target, body } = request(contract.TrackingService.method.listRuns, { filter });
  assert.deepEqual([verb, target, JSON.parse(body ?? "")], ["POST", "/v1/runs:search", { filter }]);
});

test("an empty field of the path is refused, since another method answers there", () => {
  assert.throws(() => request(contract.TrackingService.method.deleteRun, {}), refused(Code.InvalidArgument, /run_id/));
});

test("steps between folders are refused, since URLs resolve them", () => {
  for (const path of ["..", "a/../b", "./a"]) {
    const message = { runId: "r", path };
    assert.throws(
      () => request(contract.ArtifactService.method.deleteArtifacts, message),
      refused(Code.InvalidArgument, /no URL/),
    );
  }
});

test("text that is no Unicode is refused in paths and queries", () => {
  const refusal = refused(Code.InvalidArgument, /surrogate/);
  assert.throws(() => request(contract.TrackingService.method.getRun, { runId: "\ud800" }), refusal);
  assert.throws(() => request(contract.TrackingService.method.listRuns, { filter: "\ud800" }), refusal);
});
