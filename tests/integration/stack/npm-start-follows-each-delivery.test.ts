import { execa } from "execa";
import { afterAll, expect, test } from "vitest";
import { isAlive, makeDataDir, script, until } from "./stack.ts";

const { dataDir, remove } = makeDataDir();

afterAll(remove);

/** Starts it, and resolves when it follows deliveries. */
async function start(env: Record<string, string> = {}) {
  const running = script("start.ts", ["--data-dir", dataDir], env);
  let output = "";
  running.all.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  await until(() => output.includes("receiver  ms") || running.exitCode !== null, "npm start");
  return { running, output: () => output };
}

const sql = (...args: string[]) => script("sql.ts", ["--data-dir", dataDir, ...args]);

async function denoOf(parent: number): Promise<number> {
  const { stdout } = await execa("ps", ["-A", "-o", "pid=,ppid=,comm="]);
  const processes = stdout.split("\n").map((line) => line.trim().split(/\s+/));
  const found = processes.find(([, of, name]) => Number(of) === parent && name?.endsWith("deno"));
  return Number(found?.[0]);
}

const INSERT = `insert into leads (email, full_name) values ('a@example.test', 'A B') returning email`;

test("a row written by npm run sql is shown as it settles, and Ctrl-C leaves nothing running", async () => {
  // What the environment holds must not reach the function: the stand-in knows another key.
  const { running, output } = await start({ MONELEC_API_KEY: "not the stand-in's" });
  expect((await sql(INSERT)).stdout).toBe("email\na@example.test\n(1 row)");
  await until(
    () => /^\d\d:\d\d:\d\d {2}lead .* delivered +1 +201 +\d+$/m.test(output()),
    "the line",
  );

  const rows = await sql(
    "--json",
    "select route, status, attempt_count from crm_sync.delivery_log; select 1 as n",
  );
  expect(rows.stdout.split("\n").map((line) => JSON.parse(line))).toEqual([
    [{ route: "lead", status: "delivered", attempt_count: 1 }],
    [{ n: 1 }],
  ]);

  const second = await script("start.ts", ["--data-dir", dataDir]);
  expect(second.exitCode).toBe(1);
  expect(second.stderr).toContain(`in use by another start (process ${running.pid})`);

  running.kill("SIGINT");
  const ended = await running;
  expect(ended.exitCode).toBe(0);
  expect(ended.stdout).toContain("nothing is running any more; the data stays in");
  expect((await sql("select 1")).stderr).toBe(
    "nothing is running: npm start first, or set DATABASE_URL",
  );
});

test("a killed start leaves its data to the next one, which stops what was left running; SQL errors show their place", async () => {
  const { running } = await start();
  const [{ pid }] = JSON.parse((await sql("--json", "select pg_backend_pid() as pid")).stdout);
  const functionPid = await denoOf(Number(running.pid));
  running.kill("SIGKILL");
  await running;
  expect(functionPid).toBeGreaterThan(0);
  await until(() => !isAlive(functionPid), "the end of the function");
  const next = await start();
  expect(next.output()).toContain(
    "a server that an earlier start had left running was stopped first",
  );
  expect(isAlive(pid)).toBe(false);
  expect((await sql("select count(*) from leads")).stdout).toBe("count\n    1\n(1 row)");

  const { stderr, exitCode } = await sql("select rout\nfrom crm_sync.delivery_log");
  expect(exitCode).toBe(1);
  expect(stderr.split("\n")).toEqual([
    `column "rout" does not exist (42703)`,
    "  select rout",
    "         ^",
    `hint: Perhaps you meant to reference the column "delivery_log.route".`,
  ]);

  next.running.kill("SIGTERM");
  expect((await next.running).exitCode).toBe(0);
});

test("--live asks a person, and where there is none it starts nothing", async () => {
  const { exitCode, stdout, stderr } = await script("start.ts", ["--data-dir", dataDir, "--live"], {
    MONELEC_API_URL: "https://crm.example.test/api",
    ELEMENTOR_WEBHOOK_URL: "https://shop.example.test/hook/fake-secret-path",
  });
  expect(exitCode).toBe(1);
  expect(stdout).toContain("monelec    crm.example.test");
  expect(stdout).toContain("elementor  shop.example.test");
  expect(stdout).toContain("MONELEC_API_KEY is not set: these deliveries will wait");
  expect(stdout + stderr).not.toContain("fake-secret-path");
  expect(stderr).toContain("nothing was started");
});
