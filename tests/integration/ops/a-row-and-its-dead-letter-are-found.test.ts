import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { LEAD, LEAD_2, oneDeadOneWaiting, openOps } from "./ops.ts";

let ops: Awaited<ReturnType<typeof openOps>>;
let dead: number;

beforeAll(async () => {
  ops = await openOps();
});

afterAll(() => ops?.close());

beforeEach(async () => {
  dead = await oneDeadOneWaiting(ops.db);
});

test("trace tells the life of a row, and first how it stands", async () => {
  const { stdout, stderr, exitCode } = await ops.run("trace", "leads", LEAD);
  expect(stdout.split("\n")).toEqual([
    `leads ${LEAD}: needs correction: refused by monelec (422)`,
    "at                    delivery  route  step               detail",
    `2026-11-22 02:00:00Z  ${String(dead).padStart(8)}  lead   captured           INSERT of public.leads ${LEAD}`,
    `2026-11-22 03:00:00Z  ${String(dead).padStart(8)}  lead   attempt 1: reject  HTTP 422; receiver_status_422; monelec answered 422: no <email>; sent 1000 ms before, envelope 00000000-0000-4000-8000-0000000000e1`,
    `2026-11-22 03:00:00Z  ${String(dead).padStart(8)}  lead   dead               receiver_status_422`,
  ]);
  expect([stderr, exitCode]).toEqual(["", 0]);
});

test("trace as JSON", async () => {
  const { stdout, exitCode } = await ops.run("trace", "leads", LEAD, "--json");
  expect(JSON.parse(stdout)).toMatchObject({
    status: "needs correction: refused by monelec (422)",
    steps: [
      { at: "2026-11-22T02:00:00.000Z", delivery_id: dead, step: "captured" },
      { step: "attempt 1: reject" },
      { step: "dead" },
    ],
  });
  expect(exitCode).toBe(0);
});

test("of a row that nobody knows it says so, and ends with 1", async () => {
  const nobody = LEAD.replace(/1$/, "9");
  const { stdout, exitCode } = await ops.run("trace", "leads", nobody);
  expect(stdout).toBe(`leads ${nobody}: nothing to send\nnothing of this row was ever captured`);
  expect(exitCode).toBe(1);
});

test("dead lists what waits for a person and what mends it, and ends with 1", async () => {
  const { stdout, exitCode } = await ops.run("dead");
  expect(stdout.split("\n")).toEqual([
    expect.stringMatching(/^delivery +dead since +route +table +row +http +code +error +mend$/),
    `${String(dead).padStart(8)}  2026-11-22 03:00:00Z  lead   public.leads  ${LEAD}   422  receiver_status_422  monelec answered 422: no <email>  correct the row, or let the receiver take it and redeliver`,
  ]);
  expect(exitCode).toBe(1);
});

test("where nothing is dead it ends with 0", async () => {
  expect(await ops.run("dead", "--route", "request")).toEqual({
    ...{ stdout: "nothing is dead", stderr: "", exitCode: 0 },
  });
  expect((await ops.run("dead", "--route", "request", "--json")).stdout).toBe("[]");
});

test("deliveries lists the ledger, newest first, by table, row and status", async () => {
  const ids = async (...args: string[]) => {
    const { stdout } = await ops.run("deliveries", "--json", ...args);
    return (JSON.parse(stdout) as { row_id: string }[]).map(({ row_id }) => row_id);
  };
  expect(await ids()).toEqual([LEAD_2, LEAD]);
  expect(await ids("--table", "leads", "--id", LEAD)).toEqual([LEAD]);
  expect(await ids("--status", "pending")).toEqual([LEAD_2]);
  expect(await ids("--table", "public.orders")).toEqual([]);
  expect((await ops.run("deliveries", "--limit", "1")).stdout).toContain(LEAD_2);
});
