import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../../scripts/sql-files.ts";
import { isAlive, until } from "./stack/stack.ts";

const START = `
import { startTemporaryPostgres } from "./scripts/local/postgres.ts";
const { pid, dataDir } = await startTemporaryPostgres();
console.log(JSON.stringify({ pid, dataDir }));
setInterval(() => undefined, 1_000);`;

test.each(["SIGTERM", "SIGINT", "SIGKILL"] as const)(
  "after %s neither server nor folder is left",
  async (signal) => {
    const running = spawn(
      process.execPath,
      ["--import", "tsx", "--input-type=module", "-e", START],
      { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] },
    );
    const [line] = (await once(running.stdout, "data")) as [Buffer];
    const { pid, dataDir } = JSON.parse(line.toString()) as { pid: number; dataDir: string };
    expect([isAlive(pid), existsSync(dataDir)]).toEqual([true, true]);
    running.kill(signal);
    await until(() => !isAlive(pid), "the end of the server");
    await until(() => !existsSync(join(dataDir, "..")), "the end of its folder");
  },
);
