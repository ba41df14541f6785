import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { LEAD, LEAD_2, oneDeadOneWaiting, openOps, runOps } from "./ops.ts";

let ops: Awaited<ReturnType<typeof openOps>>;
let dead: number;

beforeAll(async () => {
  ops = await openOps();
});

afterAll(() => ops?.close());

beforeEach(async () => {
  dead = await oneDeadOneWaiting(ops.db);
});

async function statusOf(deliveryId: number): Promise<string> {
  const { rows } = await ops.db.query(
    "select status from crm_sync.deliveries where delivery_id = $1",
    [deliveryId],
  );
  return rows[0].status;
}

async function operations() {
  const { rows } = await ops.db.query(
    "select action, affected_count, note from crm_sync.operations order by operation_id",
  );
  return rows;
}

test("one delivery is redelivered without a question; again, it is refused with its reason", async () => {
  const first = await ops.run("redeliver", `${dead}`, "--note", "they mended theirs", "--json");
  expect(JSON.parse(first.stdout)).toEqual([
    { delivery_id: dead, redelivered: true, reason: null },
  ]);
  expect(first.exitCode).toBe(0);
  expect(await statusOf(dead)).toBe("pending");
  const again = await ops.run("redeliver", "--table", "leads", "--id", LEAD);
  expect(again.stdout.split("\n").map((line) => line.trim())).toEqual([
    "delivery  redelivered  reason",
    expect.stringMatching(new RegExp(`^${dead} +false +it is pending already$`)),
  ]);
  expect(again.exitCode).toBe(1);
  expect(await operations()).toEqual([
    { action: "redeliver", affected_count: 1, note: "they mended theirs" },
    { action: "redeliver", affected_count: 0, note: null },
  ]);
});

test("a row is found however its id is spelled, and what can be no id is refused", async () => {
  const found = await ops.run("redeliver", "--table", "leads", "--id", `{${LEAD}}`, "--json");
  expect(JSON.parse(found.stdout)).toMatchObject([{ delivery_id: dead, redelivered: true }]);
  const listed = await ops.run("deliveries", "--table", "leads", "--id", `{${LEAD}}`, "--json");
  expect(JSON.parse(listed.stdout)).toMatchObject([{ delivery_id: dead, row_id: LEAD }]);
  const none = await ops.run("redeliver", "--table", "leads", "--id", "abc");
  expect(none.stderr).toBe(
    '"abc" is no id of a row of public.leads (CS056)\nhint: Its key as text: id (uuid)',
  );
  expect(none.exitCode).toBe(1);
});

test("several are not touched unless --yes says so, where nobody can be asked", async () => {
  const ids = [`${dead}`, `${dead + 1}`];
  const { exitCode, stdout, stderr } = await ops.run("redeliver", ...ids);
  expect(stderr).toBe(
    "Redeliver 2 deliveries? Nothing was done.\nhint: --yes does it without asking.",
  );
  expect([exitCode, stdout, await statusOf(dead)]).toEqual([1, "", "dead"]);
  const answered = await ops.run("redeliver", ...ids, "--yes", "--json");
  expect(JSON.parse(answered.stdout)).toMatchObject([
    { redelivered: true },
    { redelivered: false },
  ]);
  expect([answered.exitCode, await statusOf(dead)]).toEqual([1, "pending"]);
});

test("what is dead is counted first, then redelivered", async () => {
  await ops.db.query(
    "update crm_sync.deliveries set status = 'dead', finished_at = now(), last_error_code = 'poison' where row_id = $1",
    [LEAD_2],
  );
  const refused = await ops.run("redeliver", "--dead");
  expect(refused.stderr).toBe(
    "Redeliver 2 dead deliveries (lead poison: 1, lead receiver_status_422: 1)? Nothing was done.\nhint: --yes does it without asking.",
  );
  expect(await operations()).toEqual([]);
  const { exitCode, stdout } = await ops.run("redeliver", "--dead", "--route", "lead", "--yes");
  expect(stdout).toBe(
    [
      "route  code                 dead  redelivered",
      "lead   poison                  1            1",
      "lead   receiver_status_422     1            1",
    ].join("\n"),
  );
  expect([exitCode, await statusOf(dead)]).toEqual([0, "pending"]);
});

test("a receiver is paused and resumed, and it says what waits", async () => {
  expect(await ops.run("pause", "monelec", "--note", "they move house")).toEqual({
    ...{ stdout: "monelec is paused; 1 delivery waits", stderr: "", exitCode: 0 },
  });
  expect(JSON.parse((await ops.run("resume", "monelec", "--json")).stdout)).toEqual({
    ...{ destination: "monelec", is_paused: false, pending_count: 1 },
  });
  const unknown = await ops.run("pause", "nobody");
  expect(unknown.stderr).toBe(
    'crm-sync knows no destination "nobody" (CS020)\nhint: known destinations: elementor, monelec',
  );
  expect(unknown.exitCode).toBe(1);
  expect(await operations()).toMatchObject([
    { action: "pause", note: "they move house" },
    { action: "resume", note: null },
  ]);
});

test("one delivery is given up without a question, several once it is agreed to, and one that is delivered never", async () => {
  const one = await ops.run("cancel", `${dead}`, "--note", "entered by mistake");
  expect(one.stdout.split("\n").map((line) => line.trim())).toEqual([
    "delivery  cancelled  reason",
    expect.stringMatching(new RegExp(`^${dead} +true$`)),
  ]);
  expect([one.exitCode, await statusOf(dead)]).toEqual([0, "cancelled"]);
  const ids = [`${dead}`, `${dead + 1}`];
  const asked = await ops.run("cancel", ...ids);
  expect(asked.stderr).toBe(
    "Cancel 2 deliveries for good? Nothing was done.\nhint: --yes does it without asking.",
  );
  expect([asked.exitCode, asked.stdout, await statusOf(dead + 1)]).toEqual([1, "", "pending"]);
  const agreed = await ops.run("cancel", ...ids, "--yes", "--json");
  expect(JSON.parse(agreed.stdout)).toEqual([
    { delivery_id: dead, cancelled: false, reason: "it is cancelled" },
    { delivery_id: dead + 1, cancelled: true, reason: null },
  ]);
  expect([agreed.exitCode, await statusOf(dead + 1)]).toEqual([1, "cancelled"]);
  expect(await operations()).toEqual([
    { action: "cancel", affected_count: 1, note: "entered by mistake" },
    { action: "cancel", affected_count: 1, note: null },
  ]);
});

test("everything is stopped and started once it is agreed to, and it says what waits", async () => {
  const asked = await ops.run("start");
  expect(asked.stderr).toBe(
    "Start, and let 1 delivery leave? Nothing was done.\nhint: --yes does it without asking.",
  );
  expect([asked.exitCode, asked.stdout]).toEqual([1, ""]);
  expect(await ops.run("start", "--yes", "--every", "5 seconds")).toEqual({
    ...{ stdout: "started; 1 delivery waits", stderr: "", exitCode: 0 },
  });
  const { rows } = await ops.db.query(
    "select schedule from cron.job where command = crm_sync._tick_command()",
  );
  expect(rows).toEqual([{ schedule: "5 seconds" }]);
  expect((await ops.run("stop")).stderr).toBe(
    "Stop everything, so that nothing leaves until start? Nothing was done.\nhint: --yes does it without asking.",
  );
  expect(JSON.parse((await ops.run("stop", "--yes", "--json")).stdout)).toEqual({
    ...{ is_running: false, pending_count: 1, in_flight_count: 0 },
  });
  expect(await operations()).toMatchObject([{ action: "start" }, { action: "stop" }]);
});

test("rows are captured anew by id, or by time once it is agreed to", async () => {
  const one = await ops.run("backfill", "lead", LEAD);
  expect(one.stdout).toBe(`captured 1 delivery: ${dead + 2}`);
  expect(one.exitCode).toBe(0);
  const asked = await ops.run("backfill", "lead", "--since", "1 hour ago");
  expect(asked.stderr).toMatch(
    /^Capture 2 deliveries of rows changed since \d{4}-\d\d-\d\d .* for route lead\? Nothing was done\.$/m,
  );
  expect(asked.exitCode).toBe(1);
  const since = await ops.run("backfill", "lead", "--since", "yesterday", "--yes", "--json");
  expect(JSON.parse(since.stdout)).toHaveLength(2);
  const none = await ops.run("backfill", "lead", LEAD.replace(/1$/, "9"));
  expect(none).toEqual({
    stdout: "no row fired the route",
    stderr: "public.leads has no row for 1 of 1 ids\nhint: Are they deleted, or of another table?",
    exitCode: 1,
  });
});

test("where the limit is reached it says where to go on, and there the rest is captured", async () => {
  const byTime = (since: string, ...more: string[]) =>
    ops.run("backfill", "lead", "--since", since, "--limit", "1", ...more);
  const asked = await byTime("1 hour ago");
  expect(asked.stderr).toMatch(/^Capture 1 delivery, the oldest of more, of rows changed since /);
  const first = await byTime("1 hour ago", "--yes");
  expect(first).toMatchObject({ stdout: `captured 1 delivery: ${dead + 3}`, exitCode: 0 });
  const [, goesOnAt = ""] =
    first.stderr.match(
      /^the limit of 1 was reached: what changed at .* or later is left\nhint: Go on: --since '(.*)'$/,
    ) ?? [];
  const second = await byTime(goesOnAt, "--yes");
  expect(second).toEqual({ stdout: `captured 1 delivery: ${dead + 4}`, stderr: "", exitCode: 0 });
  const { rows } = await ops.db.query(
    "select row_id from crm_sync.deliveries where delivery_id > $1 order by delivery_id",
    [dead + 2],
  );
  expect(rows).toEqual([{ row_id: LEAD }, { row_id: LEAD_2 }]);
});

test.each<[string[], string]>([
  [["redeliver"], "redeliver what?"],
  [["redeliver", "1", "--dead"], "redeliver what?"],
  [["redeliver", "--table", "leads"], "redeliver what?"],
  [["redeliver", "one"], "a whole number above 0"],
  [["cancel"], "missing required argument 'delivery'"],
  [["cancel", "one"], "a whole number above 0"],
  [["stop", "monelec"], "too many arguments"],
  [["stop", "--project-url", "https://p.example"], "this needs the database itself"],
  [["redeliver", "1", "--route", "lead"], "choose among what is dead"],
  [["redeliver", "--dead", "--project-url", "https://p.example"], "need the database itself"],
  [["backfill", "lead"], "backfill which rows?"],
  [["backfill", "lead", "1", "--since", "yesterday"], "backfill which rows?"],
  [["redeliver", "--dead", "--since", "soon"], "invalid input syntax"],
])("%j is wrong usage", async (args, message) => {
  const { exitCode, stderr } = await runOps(args, { DATABASE_URL: ops.databaseUrl });
  expect(stderr).toContain(message);
  expect(exitCode).toBe(2);
});
