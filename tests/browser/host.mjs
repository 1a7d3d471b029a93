// Starts the real host for a browser test, and ends it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Starts a host on a free port with an empty journal; `stop` waits for its end. */
export async function startHost() {
  const folder = await mkdtemp(join(tmpdir(), "taskloom-browser-"));
  const child = spawn(
    process.env.TASKLOOM,
    ["serve", "--listen", "127.0.0.1:0", "--data", join(folder, "data"), "--workflows", "workflows", "--plugins", "plugins"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ended = once(child, "exit");
  const address = await Promise.race([announced(child.stdout), ended.then(failed)]);
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    await rm(folder, { recursive: true });
  };
  return { address, stop };
}

async function announced(output) {
  for await (const line of createInterface({ input: output })) {
    const address = line.match(/listening on (http:\S+)/)?.[1];
    if (address) {
      // Read on, or a host that prints more would wait for a reader.
      output.resume();
      return address;
    }
  }
  return new Promise(() => {});
}

function failed([code, signal]) {
  throw new Error(`the host ended before it served, with ${signal ?? code}`);
}
