/** A real Milepost server, for all tests. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before } from "node:test";

const READY = /HTTP on (http:\/\/127\.0\.0\.1:\d+)/;
const COMMAND = "../../.venv/bin/milepost";

let server: ChildProcess | undefined;
let folder: string | undefined;

/** Where the server listens; known when tests run. */
export let serverUrl = "";

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "milepost-typescript-"));
  const ports = ["--http-port", "0", "--grpc-port", "0"];
  server = spawn(COMMAND, ["server", ...ports, "--data-dir", join(folder, "data"), "--drain-s", "1"], {
    stdio: ["ignore", "pipe", openSync(join(folder, "server.log"), "w")],
  });
  process.on("exit", () => server?.kill()); // when no `after` is run
  serverUrl = await ready(server, folder);
});

after(async () => {
  if (server?.exitCode === null) {
    server.kill();
    await once(server, "exit");
  }
  if (folder !== undefined) {
    await rm(folder, { recursive: true });
  }
});

async function ready(started: ChildProcess, folder: string): Promise<string> {
  if (started.stdout !== null) {
    for await (const line of createInterface(started.stdout)) {
      const url = READY.exec(line)?.[1];
      if (url !== undefined) {
        return url;
      }
    }
  }
  throw new Error(`the server did not start: ${await readFile(join(folder, "server.log"), "utf-8")}`);
}
