/** Clients of the server of the tests. */

import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createMilepostTransport, type MilepostTransportOptions, type Run, TrackingService } from "@milepost/client";
import { serverUrl } from "./server.js";

/** A client of the server, with settings of the test's own. */
export function clientOf<S extends DescService>(
  service: S,
  options: Partial<MilepostTransportOptions> = {},
): Client<S> {
  return createClient(service, createMilepostTransport({ baseUrl: serverUrl, ...options }));
}

/** A new run in the default experiment. */
export async function newRun(): Promise<Run> {
  const { run } = await clientOf(TrackingService).createRun({ run: { name: "a run" } });
  if (run === undefined) {
    throw new Error("no run came back");
  }
  return run;
}

let names = 0;

/** A name that no other test has. */
export function newName(about: string): string {
  names += 1;
  return `${about} ${names}`;
}

/** All that a stream brings. */
export async function collected<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) {
    items.push(item);
  }
  return items;
}
