import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Harness, startHarness } from "./harness.ts";
import { LEAD } from "./rows.ts";

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness();
});

afterAll(() => harness.stop());

const ROUTES = [
  ...["lead", "request", "payment_session", "payment_intent", "payment_status"],
  "order_confirmation",
];

test.each(ROUTES)("a test delivery of %s arrives, and says what it is", async (route) => {
  const [tested] = await harness.query<{ delivery_id: string; destination_state: string }>(
    "select * from crm_sync.test_delivery($1)",
    [route],
  );
  expect(tested?.destination_state).toBe("open");
  await expect
    .poll(
      () =>
        harness.query(
          "select status, last_status from crm_sync.delivery_log where delivery_id = $1",
          [tested?.delivery_id],
        ),
      { timeout: 30_000 },
    )
    .toMatchObject([{ status: "delivered", last_status: expect.any(Number) }]);
  expect(harness.receiver.calls.at(-1)?.text).toMatch(/TEST|crm-sync-test/);
});

test("a dry run tells the payload, masked, and calls nobody", async () => {
  await harness.query("select crm_sync.pause('monelec')");
  const lead = await harness.insert("leads", { ...LEAD, email: "ada.lovelace@example.test" });
  const [asked] = await harness.query<{ dry_run_id: string }>(
    "select * from crm_sync.dry_run('leads', $1)",
    [lead],
  );
  const [answer] = await answerTo(asked?.dry_run_id ?? "");
  expect(answer).toMatchObject({
    ...{ route: "lead", would: "send", destination: "monelec", path: "/leads", error: null },
    payload: { email: "xxx.xxxxxxxx@xxxxxxx.xxxx" },
  });
  expect(harness.calls(lead)).toEqual([]);
  const kept = await harness.query("select content from net._http_response");
  expect(JSON.stringify(kept)).not.toContain("lovelace");
  await harness.query("select crm_sync.resume('monelec')");
  expect(await harness.settled(lead)).toMatchObject([{ status: "delivered" }]);
});

async function answerTo(dryRunId: string) {
  for (const limit = Date.now() + 20_000; ; await sleep(100)) {
    const rows = await harness.query("select * from crm_sync.dry_run_result($1)", [dryRunId]);
    if (rows[0]?.would !== "wait" || Date.now() > limit) return rows;
  }
}
