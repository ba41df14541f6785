import { afterAll, beforeAll, expect, test } from "vitest";
import { type Gateway, startGateway } from "../../../scripts/local/gateway.ts";
import { LEAD, oneDeadOneWaiting, openOps, runOps } from "./ops.ts";

let ops: Awaited<ReturnType<typeof openOps>>;
let gateway: Gateway;
let dead: number;

beforeAll(async () => {
  ops = await openOps();
  gateway = await startGateway({ databaseUrl: ops.databaseUrl });
  dead = await oneDeadOneWaiting(ops.db);
});

afterAll(async () => {
  await gateway?.stop();
  await ops?.close();
});

const onProject = (key: string, ...args: string[]) =>
  runOps([...args, "--project-url", gateway.url], { SUPABASE_SECRET_KEY: key });

test("health says what the database says", async () => {
  const { exitCode, stdout } = await onProject(gateway.serviceRoleKey, "health", "--all", "--json");
  const checks = JSON.parse(stdout);
  expect(checks).toHaveLength(26);
  expect(checks).toContainEqual(expect.objectContaining({ check_name: "running", level: "error" }));
  expect(exitCode).toBe(1);
});

test("deliveries are listed, and one is sent again", async () => {
  const listed = await onProject(gateway.serviceRoleKey, "deliveries", "--status", "dead");
  expect(listed.stdout).toMatch(
    new RegExp(`${dead} +2026-11-22 02:00:00Z +lead +public\\.leads +${LEAD} +dead +1 +422`),
  );
  const sent = await onProject(gateway.serviceRoleKey, "redeliver", `${dead}`, "--json");
  expect(JSON.parse(sent.stdout)).toEqual([
    { delivery_id: dead, redelivered: true, status: "pending", reason: null },
  ]);
  expect([listed.exitCode, sent.exitCode]).toEqual([0, 0]);
});

test("another key is refused", async () => {
  const { exitCode, stdout, stderr } = await onProject(gateway.anonKey, "health");
  expect(stderr).toBe("permission denied for function crm_sync_health (42501)");
  expect([exitCode, stdout]).toEqual([1, ""]);
});

test("a project that does not answer", async () => {
  const { exitCode, stderr } = await runOps(["health", "--project-url", "http://127.0.0.1:1"], {
    SUPABASE_SECRET_KEY: "fake-key",
  });
  expect(stderr).toContain("the project does not answer: ");
  expect(stderr).not.toMatch(/fake-key|\n {4}at /);
  expect(exitCode).toBe(1);
});
