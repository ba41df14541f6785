import { expect, test } from "vitest";
import { delivery, envelope, functionUnderTest, type SentCall } from "./envelopes.ts";

const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 4_000 });

function idOf(call: SentCall): number {
  return Number(call.headers.get("idempotency-key")?.slice(-12));
}

/** Calls that wait until they are let go, one by one. */
function held() {
  const waiting = new Map<number, (response: Response) => void>();
  return {
    waiting,
    answering: (call: SentCall) =>
      new Promise<Response>((resolve) => waiting.set(idOf(call), resolve)),
    async release(id: number, status = 200) {
      await eventually(() => waiting.has(id)).toBe(true);
      waiting.get(id)?.(new Response("", { status }));
      waiting.delete(id);
    },
  };
}

test("within a key a call starts when the one before has its answer", async () => {
  const receiver = held();
  const { send, calls } = functionUnderTest(receiver);
  const sent = send(envelope([1, 2, 3].map((id) => delivery({ id, key: "lead:a" }))));
  for (const id of [1, 2, 3]) {
    await eventually(() => calls.map(idOf)).toEqual([1, 2, 3].slice(0, id));
    expect([...receiver.waiting.keys()]).toEqual([id]);
    await receiver.release(id);
  }
  expect((await sent).status).toBe(200);
});

test.each([
  [503, "retry"],
  [422, "reject"],
  [401, "misconfigured"],
])("after a %i the rest of the key is not attempted, other keys are", async (status, outcome) => {
  const { send, calls } = functionUnderTest({
    answering: (call) => new Response("", { status: idOf(call) === 2 ? status : 201 }),
  });
  const keys = ["a", "a", "b", "a", "a", "b"];
  const answer = await send(envelope(keys.map((key, index) => delivery({ id: index + 1, key }))));
  expect(answer.status).toBe(207);
  expect(
    answer.results.map(({ delivery_id, outcome, error_code }) => [
      delivery_id,
      outcome,
      error_code,
    ]),
  ).toEqual([
    [1, "delivered", null],
    [2, outcome, `receiver_status_${status}`],
    [3, "delivered", null],
    [4, "not_attempted", "after_failure"],
    [5, "not_attempted", "after_failure"],
    [6, "delivered", null],
  ]);
  expect(calls.map(idOf).sort()).toEqual([1, 2, 3, 6]);
});

test("a refused record stops its key too", async () => {
  const { send, calls } = functionUnderTest();
  const { results } = await send(
    envelope([delivery({ id: 1, key: "a", record: {} }), delivery({ id: 2, key: "a" })]),
  );
  expect(results.map((result) => result.error_code)).toEqual(["invalid_record", "after_failure"]);
  expect(calls).toEqual([]);
});

test("at most ten keys are under way, and each that ends makes room", async () => {
  const receiver = held();
  const { send, calls } = functionUnderTest(receiver);
  const ids = Array.from({ length: 25 }, (_, index) => index + 1);
  const sent = send(envelope(ids.map((id) => delivery({ id }))));
  await eventually(() => calls.length).toBe(10);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(calls.map(idOf)).toEqual(ids.slice(0, 10));
  await receiver.release(4);
  await eventually(() => calls.map(idOf)).toEqual(ids.slice(0, 11));
  for (const id of ids) if (id !== 4) await receiver.release(id);
  const { results } = await sent;
  expect(results.map((result) => result.delivery_id)).toEqual(ids);
});

test("each delivery leaves one line, without a value", async () => {
  const { send, lines } = functionUnderTest({
    answering: (call) => new Response("", { status: idOf(call) === 1 ? 503 : 200 }),
    now: () => 1_000,
  });
  await send(
    envelope([delivery({ id: 1, key: "a" }), delivery({ id: 2, key: "a" }), delivery({ id: 3 })]),
  );
  const line = { route: "lead", attempt: 1, ms: 0 };
  expect(lines.map((text) => JSON.parse(text))).toEqual(
    expect.arrayContaining([
      {
        ...line,
        delivery_id: "1",
        outcome: "retry",
        status: 503,
        error_code: "receiver_status_503",
      },
      {
        ...line,
        delivery_id: "2",
        outcome: "not_attempted",
        status: null,
        error_code: "after_failure",
      },
      { ...line, delivery_id: "3", outcome: "delivered", status: 200, error_code: null },
    ]),
  );
  expect(lines).toHaveLength(3);
});
