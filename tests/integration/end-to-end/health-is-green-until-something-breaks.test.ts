import { afterAll, beforeAll, expect, test } from "vitest";
import { type Harness, startFunctionFor, startHarness } from "./harness.ts";
import { LEAD } from "./rows.ts";

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness();
});

afterAll(() => harness.stop());

async function red(): Promise<unknown[]> {
  const rows = await harness.query("select * from crm_sync.health() where level <> 'ok'");
  return rows.map(({ check_name }) => check_name);
}

test("a function that is gone is the one thing red, and nothing is once it is back", async () => {
  const first = await harness.insert("leads", LEAD);
  await harness.settled(first);
  // The schedule's own first run may still be to come.
  await expect.poll(red, { timeout: 30_000 }).toEqual([]);

  await harness.functionServer.stop();
  const lead = await harness.insert("leads", LEAD);
  await expect.poll(red, { timeout: 30_000 }).toEqual(["function"]);
  const [said] = await harness.query(
    "select level, detail from crm_sync.health() where check_name = 'function'",
  );
  expect(said).toMatchObject({
    level: "error",
    detail: expect.stringMatching(/^no answer from the function, for \d+ s; answered \d+ s ago$/),
  });

  const again = await startFunctionFor(harness.receiver);
  try {
    await harness.point(again.url);
    await harness.tickLater("1 hour");
    await harness.settled(lead);
    expect(await red()).toEqual([]);
  } finally {
    await again.stop();
  }
});
