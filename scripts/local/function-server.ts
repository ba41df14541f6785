import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import getPort from "get-port";
import { ENV_NAMES, type EnvName } from "../../supabase/functions/crm-sync/runtime.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FUNCTION_DIR = join(ROOT, "supabase/functions/crm-sync");

const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 5_000;

export type FunctionServer = {
  /** Where the database posts its envelopes. */
  url: string;
  pid: number;
  /** What the function wrote to stdout and stderr, line by line, while it runs. */
  output: string[];
  /** Ends the process and waits for its exit; a second call changes nothing. */
  stop: () => Promise<void>;
};

/**
 * Runs the Edge Function in the Deno that the platform runs, on 127.0.0.1, from node_modules and
 * without network beyond its own calls. It sees the variables of `env` and no others. Rejects with the
 * function's output when it does not answer within 30 s.
 */
export async function startFunction(options: {
  port?: number;
  env: Partial<Record<EnvName, string>>;
}): Promise<FunctionServer> {
  const port = options.port ?? (await getPort());
  const child = spawn(denoBinary(), denoArguments(), {
    cwd: FUNCTION_DIR,
    env: {
      DENO_DIR: join(ROOT, ".crm-sync/deno"),
      DENO_NO_UPDATE_CHECK: "1",
      NO_COLOR: "1",
      CRM_SYNC_PORT: String(port),
      ...options.env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => output.push(line));
  }
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", (error) => {
      output.push(error.message);
      resolve();
    });
  });
  const stop = () => end(child, exited);
  const url = `http://127.0.0.1:${port}/`;
  try {
    await untilItAnswers(url, child);
  } catch (error) {
    await stop();
    throw new Error(`the Edge Function did not start:\n${output.join("\n")}`, { cause: error });
  }
  return { url, pid: child.pid ?? 0, output, stop };
}

/** The binary itself: npm's wrapper would keep our signals to itself. */
export function denoBinary(): string {
  const require = createRequire(import.meta.url);
  const installed = dirname(require.resolve("deno/package.json"));
  const scope = join(dirname(installed), "@deno");
  const names = ["deno", "deno.exe"];
  const folders = [installed, ...(existsSync(scope) ? readdirSync(scope) : []).map(inScope)];
  const found = folders
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((path) => existsSync(path));
  if (!found) throw new Error("no Deno in node_modules: run npm ci, without --omit=optional");
  return found;

  function inScope(name: string): string {
    return join(scope, name);
  }
}

function denoArguments(): string[] {
  return [
    "run",
    "--no-prompt",
    "--no-lock",
    "--node-modules-dir=manual",
    "--allow-net",
    `--allow-env=${["CRM_SYNC_PORT", ...ENV_NAMES].join(",")}`,
    "index.ts",
  ];
}

async function untilItAnswers(url: string, child: ChildProcess): Promise<void> {
  const giveUp = Date.now() + START_LIMIT_MS;
  for (;;) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
      throw new Error("it ended");
    }
    try {
      // Any answer will do: the function refuses a GET with 405.
      await (await fetch(url, { signal: AbortSignal.timeout(2_000) })).arrayBuffer();
      return;
    } catch (error) {
      if (Date.now() > giveUp) throw error;
      await sleep(50);
    }
  }
}

async function end(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const killer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
  await exited;
  clearTimeout(killer);
}
