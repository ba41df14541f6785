import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Receiver, startReceiver } from "../../../scripts/local/receiver/index.ts";
import * as payloads from "./payloads.ts";
import { post } from "./payloads.ts";

let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver();
});
beforeEach(() => receiver.reset());
afterAll(() => receiver.stop());

const control = async (method: string, path: string, body?: unknown) => {
  const answer = await fetch(`${receiver.url}/__control${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
};

test("a fault is set, listed, used and cleared", async () => {
  const fault = { path: "/leads", status: 503, times: 2 };
  expect(await control("POST", "/respond-with", fault)).toEqual({ status: 200, body: [fault] });
  expect((await post(receiver, "/leads", payloads.lead)).status).toBe(503);
  expect((await control("GET", "/faults")).body).toEqual([{ ...fault, times: 1 }]);
  await control("POST", "/clear-faults");
  expect((await post(receiver, "/leads", payloads.lead)).status).toBe(201);
});

test("calls, effects, overlaps and violations can be read", async () => {
  receiver.setLatency(20);
  const twice = [payloads.lead, { ...payloads.lead, source: null }];
  await Promise.all(twice.map((body) => post(receiver, "/leads", body)));
  expect((await control("GET", "/calls")).body).toHaveLength(2);
  expect((await control("GET", "/effects")).body).toMatchObject([{ lastBody: payloads.lead }]);
  expect((await control("GET", "/overlaps")).body).toMatchObject([{ calls: [1, 2] }]);
  expect((await control("GET", "/violations")).body).toMatchObject([
    { kind: "overlap" },
    { kind: "schema" },
  ]);
  expect(receiver.calls).toHaveLength(2);
});

test("latency and reset", async () => {
  expect((await control("POST", "/latency", { ms: 30 })).status).toBe(200);
  const started = performance.now();
  await post(receiver, "/leads", payloads.lead);
  expect(performance.now() - started).toBeGreaterThanOrEqual(29);
  await control("POST", "/reset");
  expect(receiver.calls).toEqual([]);
  expect(receiver.effects.size).toBe(0);
});

test("a mistyped control is refused, not ignored", async () => {
  expect((await control("POST", "/respond-with", { statuss: 503 })).status).toBe(400);
  expect((await control("POST", "/respond")).status).toBe(404);
  expect((await control("POST", "/latency", { ms: "30" })).status).toBe(400);
});
