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
 * Runs the Edge Function in the Deno that the platform runs, on this machine, from node_modules and
 * without network beyond its own calls. It sees the variables of `env` and no others. Rejects with the
 * function's output when it does not listen within 30 s.
 */
export async function startFunction(options: {
  port?: number;
  /** Also for who comes from elsewhere. It opens nothing that is not signed. Default: on 127.0.0.1 alone. */
  isOpen?: boolean;
  env: Partial<Record<EnvName, string>>;
  /** Where its index.ts is. Default: this repository's. */
  folder?: string;
}): Promise<FunctionServer> {
  const port = options.port ?? (await getPort());
  const child = spawn(denoBinary(), denoArguments(), {
    cwd: options.folder ?? FUNCTION_DIR,
    env: {
      DENO_DIR: join(ROOT, ".crm-sync/deno"),
      DENO_NO_UPDATE_CHECK: "1",
      NO_COLOR: "1",
      CRM_SYNC_PORT: String(port),
      CRM_SYNC_HOST: options.isOpen ? "0.0.0.0" : "127.0.0.1",
      ...options.env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output: string[] = [];
  const listening = new Promise<void>((resolve) => {
    const keep = (line: string) =>
      line.startsWith("Listening on ") ? resolve() : output.push(line);
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", keep);
    }
  });
  const exited = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", (error) => {
      output.push(error.message);
      resolve();
    });
  });
  const endWithUs = () => child.kill("SIGKILL");
  process.once("exit", endWithUs);
  const stop = async () => {
    process.off("exit", endWithUs);
    await end(child, exited);
  };
  // Deno's own line, because another server on the same port would answer a request just as well.
  const timer = new AbortController();
  const started = await Promise.race([
    listening.then(() => true),
    exited.then(() => false),
    sleep(START_LIMIT_MS, false, { signal: timer.signal }),
  ]);
  timer.abort();
  if (!started) {
    await stop();
    throw new Error(`the Edge Function did not start:\n${output.join("\n")}`);
  }
  return { url: `http://127.0.0.1:${port}/`, pid: child.pid ?? 0, output, stop };
}

/** The binary itself: npm's wrapper would keep our signals to itself. */
export function denoBinary(): string {
  const installed = dirname(createRequire(import.meta.url).resolve("deno/package.json"));
  const scope = join(dirname(installed), "@deno");
  const ours = (existsSync(scope) ? readdirSync(scope) : []).filter((name) =>
    name.startsWith(`${process.platform}-${process.arch}`),
  );
  const file = process.platform === "win32" ? "deno.exe" : "deno";
  const found = [installed, ...ours.map((name) => join(scope, name))]
    .map((folder) => join(folder, file))
    .find((path) => existsSync(path));
  if (!found) throw new Error("no Deno in node_modules: run npm ci, without --omit=optional");
  return found;
}

function denoArguments(): string[] {
  return [
    "run",
    "--no-prompt",
    "--no-lock",
    "--node-modules-dir=manual",
    "--allow-net",
    `--allow-env=${["CRM_SYNC_PORT", "CRM_SYNC_HOST", ...ENV_NAMES].join(",")}`,
    "index.ts",
  ];
}

async function end(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const killer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
  await exited;
  clearTimeout(killer);
}
