import { afterAll, beforeAll, expect, test } from "vitest";
import { type Harness, startFunctionFor, startHarness } from "./harness.ts";
import { LEAD, ORDER } from "./rows.ts";

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness({ env: { MONELEC_API_KEY: undefined } });
});

afterAll(() => harness.stop());

test("without MONELEC_API_KEY leads wait, orders go out, and the key delivers what waited", async () => {
  const lead = await harness.insert("leads", LEAD);
  const order = await harness.insert("orders", { ...ORDER, status: "confirmed" });
  expect(await harness.settled(order)).toMatchObject([{ status: "delivered" }]);

  await expect
    .poll(() => harness.deliveries(lead))
    .toMatchObject([
      {
        status: "pending",
        attempt_count: 0,
        last_outcome: "misconfigured",
        last_error_code: "missing_secret",
        last_error: expect.stringContaining("MONELEC_API_KEY is not set"),
      },
    ]);
  expect(harness.calls(lead)).toEqual([]);
  const lines = harness.functionServer.output.map((line) => JSON.parse(line));
  expect(lines).toContainEqual(
    expect.objectContaining({
      route: "lead",
      outcome: "misconfigured",
      error_code: "missing_secret",
    }),
  );

  const withKey = await startFunctionFor(harness.receiver);
  try {
    await harness.point(withKey.url);
    await harness.tickLater("1 hour");
    expect(await harness.settled(lead)).toMatchObject([{ status: "delivered", attempt_count: 1 }]);
    expect(harness.calls(lead)).toHaveLength(1);
  } finally {
    await withKey.stop();
  }
});
