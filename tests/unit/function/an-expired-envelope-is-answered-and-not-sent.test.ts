import { expect, test } from "vitest";
import { delivery, envelope, functionUnderTest } from "./envelopes.ts";

const expires_at = "2026-11-22T03:00:00.000000Z";
const end = Date.parse(expires_at);

test("from its end on, every delivery is not_attempted under a signed 409", async () => {
  const { send, calls } = functionUnderTest({ now: () => end });
  const answer = await send(envelope([delivery({ id: 1 }), delivery({ id: 2 })], { expires_at }));
  expect(answer.status).toBe(409);
  expect(answer.headers.get("webhook-signature")).toMatch(/^v1,/);
  expect(
    answer.results.map((result) => [result.delivery_id, result.outcome, result.error_code]),
  ).toEqual([
    [1, "not_attempted", "expired"],
    [2, "not_attempted", "expired"],
  ]);
  expect(calls).toEqual([]);
});

test("a millisecond before it is sent", async () => {
  const { send, calls } = functionUnderTest({ now: () => end - 1 });
  expect((await send(envelope([delivery()], { expires_at }))).status).toBe(200);
  expect(calls).toHaveLength(1);
});
