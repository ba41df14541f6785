import { afterAll, beforeAll, expect, test } from "vitest";
import { openOps } from "./ops.ts";

let ops: Awaited<ReturnType<typeof openOps>>;

beforeAll(async () => {
  ops = await openOps();
});

afterAll(() => ops?.close());

/** Every check of a database that is new finds fault or not as this says. */
async function pretend(level: "ok" | "warning" | "error" | "unknown"): Promise<void> {
  await ops.db.query(
    `create or replace function crm_sync.health(p_now timestamptz default clock_timestamp())
     returns table (check_name text, level text, detail text, mend text) language sql as
     $$ values ('tick', '${level}', 'last ran 9 min ago', 'select crm_sync.start();'), ('running', 'ok', 'sending is on', null) $$`,
  );
}

test("a database that was never started is red, with what mends it", async () => {
  const { stdout, exitCode } = await ops.run("health");
  expect(stdout).toMatch(/^error +running +.*crm_sync\.start\(\)/m);
  expect(stdout.split("\n").at(-1)).toMatch(/^\d+ of 26 checks ok$/);
  expect(exitCode).toBe(1);
});

test("status shows the routes in their order, and what is wrong", async () => {
  const { stdout, exitCode } = await ops.run("status");
  const routes = ["lead", "request", "payment_session", "payment_intent", "payment_status"];
  const lines = stdout.split("\n");
  expect(lines[0]).toMatch(/^route +destination +state +waits +in flight +dead +waits since/);
  expect(lines.slice(1, 7).map((line) => line.split(/ +/).slice(0, 6))).toEqual([
    ...routes.map((route) => [route, "monelec", "stopped", "0", "0", "0"]),
    ["order_confirmation", "elementor", "stopped", "0", "0", "0"],
  ]);
  expect(lines.at(-1)).toMatch(/checks ok; what mends the others: npm run ops -- health$/);
  expect(exitCode).toBe(1);
});

test.each([
  ["ok", 0, 0],
  ["warning", 0, 1],
  ["error", 1, 1],
  ["unknown", 1, 1],
] as const)("a check at %s ends with %i, and %i when strict", async (level, usual, strict) => {
  await pretend(level);
  expect((await ops.run("health")).exitCode).toBe(usual);
  expect((await ops.run("health", "--strict")).exitCode).toBe(strict);
  expect((await ops.run("status")).exitCode).toBe(usual);
});

test("it shows what is wrong, everything with --all, and either as JSON", async () => {
  await pretend("error");
  expect((await ops.run("health")).stdout).toBe(
    [
      "level  check  detail              mend",
      "error  tick   last ran 9 min ago  select crm_sync.start();",
      "1 of 2 checks ok",
    ].join("\n"),
  );
  expect((await ops.run("health", "--all")).stdout).toContain("\nok     running  sending is on");
  expect(JSON.parse((await ops.run("health", "--json")).stdout)).toEqual([
    {
      ...{ check_name: "tick", level: "error" },
      ...{ detail: "last ran 9 min ago", mend: "select crm_sync.start();" },
    },
  ]);
  const { stdout } = await ops.run("status", "--json");
  expect(JSON.parse(stdout)).toMatchObject({
    routes: expect.arrayContaining([expect.objectContaining({ route: "lead", dead_count: 0 })]),
    problems: [{ check_name: "tick" }],
  });
});
