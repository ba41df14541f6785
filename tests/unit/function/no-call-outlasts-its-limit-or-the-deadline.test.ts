import { expect, test } from "vitest";
import { delivery, envelope, functionUnderTest, type SentCall } from "./envelopes.ts";

/** Answers when it is told to stop, as fetch does. */
function hanging({ init }: SentCall): Promise<Response> {
  return new Promise((_, reject) => {
    const alive = setInterval(() => {}, 1_000);
    init.signal?.addEventListener("abort", () => {
      clearInterval(alive);
      reject(init.signal?.reason);
    });
  });
}

const far = { expires_at: "2099-01-01T00:00:00Z" };

test("a receiver that does not answer in time may have received: unknown", async () => {
  const { send } = functionUnderTest({ answering: hanging });
  const { results } = await send(envelope([delivery({ timeout_ms: 30 })]));
  expect(results[0]).toEqual({
    delivery_id: 1,
    outcome: "unknown",
    status: null,
    retry_after: null,
    error_code: "receiver_timeout",
    error: "no answer within 30 ms; may have arrived",
  });
});

test.each([
  [200, "delivered"],
  [503, "retry"],
] as const)("a %i counts even if the rest of the answer never comes", async (status, outcome) => {
  const stuck = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
  const { send } = functionUnderTest({ answering: () => new Response(stuck, { status }) });
  const { results } = await send(envelope([delivery()]));
  expect(results[0]).toMatchObject({ outcome, status });
});

test("nor does one that has announced more than it sends hold up the others", async () => {
  const begun = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("{")),
    pull: () => new Promise(() => {}),
  });
  const { send } = functionUnderTest({
    answering: () => new Response(begun, { headers: { "content-length": "10" } }),
  });
  const started = performance.now();
  const { results } = await send(envelope([delivery()]));
  expect(results[0]).toMatchObject({ outcome: "delivered", status: 200 });
  expect(performance.now() - started).toBeLessThan(3_000);
});

test("what could end after the deadline is not started", async () => {
  let now = 1_000_000;
  const { send, calls } = functionUnderTest({
    now: () => now,
    answering: () => {
      now += 4_000;
      return new Response();
    },
  });
  const { status, results } = await send(
    envelope(
      [1, 2, 3, 4].map((id) => delivery({ id, key: "a" })),
      far,
    ),
  );
  // 15 s of the function, 8 s a call: the third could start 8 s in and end at 16 s.
  expect(status).toBe(207);
  expect(calls).toHaveLength(2);
  expect(results.map((result) => [result.outcome, result.error_code])).toEqual([
    ["delivered", null],
    ["delivered", null],
    ["not_attempted", "deadline"],
    ["not_attempted", "after_failure"],
  ]);
});

test("a shorter limit of the delivery lets it start later", async () => {
  let now = 1_000_000;
  const { send } = functionUnderTest({
    now: () => now,
    answering: () => {
      now += 6_000;
      return new Response();
    },
  });
  const { results } = await send(
    envelope(
      [1, 2, 3].map((id) => delivery({ id, key: "a", timeout_ms: 3_000 })),
      far,
    ),
  );
  expect(results.map((result) => result.error_code)).toEqual([null, null, null]);
});

test("a limit above the deadline is taken down to what fits, else it could never start", async () => {
  const { send } = functionUnderTest();
  const { results } = await send(envelope([delivery({ timeout_ms: 60_000 })]));
  expect(results[0]?.outcome).toBe("delivered");
});
