import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { noteRunning } from "../../../scripts/local/data-dir.ts";
import { makeDataDir } from "../stack/stack.ts";
import { openOps, runOps, runOpsAsTyped } from "./ops.ts";

let ops: Awaited<ReturnType<typeof openOps>>;

beforeAll(async () => {
  ops = await openOps();
});

afterAll(() => ops?.close());

test.each<[string[], string]>([
  [["trace", "leads"], "error: missing required argument 'id'\n(--help shows how)"],
  [["statsu"], "error: unknown command 'statsu'\n(Did you mean status?)\n(--help shows how)"],
  [["dead", "--nope"], "error: unknown option '--nope'\n(--help shows how)"],
  [["dead", "--limit", "few"], "a whole number above 0\n(--help shows how)"],
  [["deliveries", "--status", "gone"], "Allowed choices are pending, in_flight"],
  [
    ["status", "--data-dir", "/nowhere"],
    "which database?\nhint: --database-url postgresql://…, or DATABASE_URL, or npm start",
  ],
  [["status", "--database-url", ""], "the database URL is no URL\nhint: "],
  [["status", "--database-url", "here"], "the database URL is no URL\nhint: "],
  [["status", "--project-url", "https://p.example"], "this needs the database itself\nhint: "],
  [["health", "--project-url", "p.example"], "the project URL is no URL\nhint: "],
  [["health", "--project-url", "http://p.example"], "the secret key would travel in clear\nhint: "],
  [["health", "--project-url", "https://p.example"], "SUPABASE_SECRET_KEY is not set\nhint: "],
  [[], "Usage: npm run ops -- "],
])("%j is wrong usage", async (args, message) => {
  const { exitCode, stdout, stderr } = await runOps(args);
  expect(stderr).toContain(message);
  expect([exitCode, stdout]).toEqual([2, ""]);
});

test.each(["dead", "replay-diff"])(
  "%s believes no route that there is not, not even where nothing is to be told",
  async (command) => {
    expect(await ops.run(command, "--route", "nope")).toEqual({
      exitCode: 2,
      stdout: "",
      stderr:
        'crm-sync knows no route "nope"\n' +
        "hint: known routes: lead, request, payment_session, payment_intent, payment_status, order_confirmation",
    });
  },
);

test("without a URL the stack that runs is asked, as npm run sql asks it", async () => {
  const { dataDir, remove } = makeDataDir();
  onTestFinished(remove);
  const urls = { functionUrl: null, receiverUrl: null, gatewayUrl: null };
  noteRunning(dataDir, { databaseUrl: ops.databaseUrl, ...urls });
  const asked = await runOps(["dead", "--json", "--data-dir", dataDir]);
  expect(asked).toEqual({ exitCode: 0, stdout: "[]", stderr: "" });
  noteRunning(dataDir, { databaseUrl: null, ...urls });
  const { exitCode, stderr } = await runOps(["dead", "--data-dir", dataDir]);
  expect(stderr).toBe(
    `process ${process.pid} is starting still, or runs on a server of your own: set DATABASE_URL here, too`,
  );
  expect(exitCode).toBe(1);
});

test("an error of ours comes with its hint, and without a stack", async () => {
  expect(await ops.run("trace", "crm_sync.settings", "1")).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: expect.stringMatching(
      /^nothing is captured from crm_sync\.settings \(CS023\)\nhint: attached tables: public\.customers, .*$/,
    ),
  });
});

test("a table that is not there", async () => {
  expect(await ops.run("trace", "nope", "1")).toEqual({
    exitCode: 1,
    stdout: "",
    stderr:
      'relation "nope" does not exist (42P01)\nhint: Give the table as it is named in the database: public.requests.',
  });
});

test("who may not look is told as whom to connect", async () => {
  await ops.db.query("create role ops_stranger login");
  const url = new URL(ops.databaseUrl);
  url.username = "ops_stranger";
  const { exitCode, stderr } = await runOps(["dead", "--database-url", url.href]);
  expect(stderr).toBe(
    "permission denied for schema crm_sync (42501)\n" +
      "hint: crm_sync_reader may look, crm_sync_operator may act, and only the owner may read records: connect as one of them.",
  );
  expect(exitCode).toBe(1);
});

test("a database that does not answer is told without its password", async () => {
  const url = "postgresql://postgres:example-password@127.0.0.1:1/postgres";
  const { exitCode, stderr } = await runOps(["status", "--database-url", url]);
  expect(stderr).toMatch(/ECONNREFUSED/);
  expect(stderr).not.toMatch(/example-password|\n {4}at /);
  expect(exitCode).toBe(1);
});

test.each(["status", "health", "trace", "dead", "deliveries", "cancel", "stop", "start"])(
  "%s --help teaches with an example",
  async (command) => {
    const { exitCode, stdout } = await runOps([command, "--help"]);
    expect(stdout).toContain(`Usage: npm run ops -- ${command}`);
    expect(stdout).toContain(`Examples:\n  npm run ops -- ${command}`);
    expect(stdout).toContain("--database-url <url>");
    expect(exitCode).toBe(0);
  },
);

test("nothing is coloured in a pipe, even where CI is set", async () => {
  const { stdout } = await runOpsAsTyped(["status"], {
    ...{ DATABASE_URL: ops.databaseUrl, CI: "true", NO_COLOR: "", FORCE_COLOR: "1" },
  });
  expect(stdout).toContain("lead");
  expect(stdout).not.toContain("\u001b");
});
