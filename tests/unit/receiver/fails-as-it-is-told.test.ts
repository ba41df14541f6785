import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Fault, type Receiver, startReceiver } from "../../../scripts/local/receiver/index.ts";
import * as payloads from "./payloads.ts";
import { post } from "./payloads.ts";

let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver();
});
beforeEach(() => receiver.reset());
afterAll(() => receiver.stop());

test("so many times, on one path, with Retry-After", async () => {
  receiver.respondWith({ path: "/leads", status: 503, retryAfter: 7, times: 2 });
  const answers = [
    await post(receiver, "/requests", payloads.request),
    await post(receiver, "/leads", payloads.lead),
    await post(receiver, "/leads", payloads.lead),
    await post(receiver, "/leads", payloads.lead),
  ];
  expect(answers.map(({ status }) => status)).toEqual([201, 503, 503, 201]);
  expect(answers.map(({ headers }) => headers.get("retry-after"))).toEqual([null, "7", "7", null]);
  expect(receiver.calls.map(({ injected }) => injected)).toEqual([false, true, true, false]);
});

test("until cleared, one by one or all", async () => {
  const clear = receiver.respondWith({ destination: "monelec", status: 500 });
  receiver.respondWith({ destination: "elementor", status: 502 });
  expect((await post(receiver, "/leads", payloads.lead)).status).toBe(500);
  clear();
  expect((await post(receiver, "/leads", payloads.lead)).status).toBe(201);
  const order = payloads.orderConfirmation;
  expect((await post(receiver, "/elementor-webhook", order)).status).toBe(502);
  receiver.clearFaults();
  expect((await post(receiver, "/elementor-webhook", order)).status).toBe(200);
});

test.each<[string, Fault]>([
  ["its ordering key", { subject: `lead:${payloads.LEAD_ID}` }],
  ["a text in its body", { bodyIncludes: "claire@" }],
  ["a predicate", { when: (call) => call.number === 1 }],
])("a call is met by %s", async (_, matcher) => {
  receiver.respondWith({ ...matcher, status: 429 });
  expect((await post(receiver, "/leads", payloads.lead)).status).toBe(429);
  expect((await post(receiver, "/requests", payloads.request)).status).toBe(201);
});

test("a failure has no effect unless it is said to have one", async () => {
  receiver.respondWith({ status: 500, times: 1 });
  await post(receiver, "/leads", payloads.lead);
  expect(receiver.effects.size).toBe(0);
  receiver.respondWith({ status: 500, times: 1, processed: true });
  const answer = await post(receiver, "/leads", payloads.lead);
  expect(answer.status).toBe(500);
  expect(receiver.effects.size).toBe(1);
});

test("a breach of the contract is seen during an outage too", async () => {
  receiver.respondWith({ status: 503 });
  const answer = await post(receiver, "/leads", { ...payloads.lead, source: null });
  expect(answer.status).toBe(503);
  expect(receiver.violations.map(({ kind, detail }) => [kind, detail])).toEqual([
    ["schema", "/source: must be string"],
  ]);
});

test("an answer comes late, and took effect meanwhile", async () => {
  receiver.respondWith({ delayMs: 40 });
  const started = performance.now();
  const given = post(receiver, "/leads", payloads.lead);
  await receiver.waitUntil(() => receiver.effects.size === 1);
  expect(receiver.calls[0]?.status).toBeNull();
  expect((await given).status).toBe(201);
  expect(performance.now() - started).toBeGreaterThanOrEqual(39);
});

test("a reset connection gives no answer", async () => {
  receiver.respondWith({ reset: true });
  await expect(post(receiver, "/leads", payloads.lead)).rejects.toMatchObject({
    cause: { code: "ECONNRESET" },
  });
  expect(receiver.calls[0]?.status).toBeNull();
  expect(receiver.effects.size).toBe(0);
});

test("half an answer breaks off after its header", async () => {
  receiver.respondWith({ half: true });
  const answer = await post(receiver, "/leads", payloads.lead);
  expect(answer.status).toBe(201);
  await expect(answer.text()).rejects.toThrow();
  expect(receiver.effects.size).toBe(1);
});

test("a redirect leads to a path that nobody must call", async () => {
  receiver.respondWith({ redirect: true });
  const answer = await post(receiver, "/leads", payloads.lead);
  expect([answer.status, answer.headers.get("location")]).toEqual([302, "/__redirected"]);
  await fetch(`${receiver.url}/__redirected`);
  expect(receiver.violations.map(({ kind }) => kind)).toEqual(["unknown_path"]);
});

test("an error text can repeat the whole body", async () => {
  receiver.respondWith({ echo: true });
  const answer = await post(receiver, "/leads", payloads.lead);
  expect(answer.status).toBe(422);
  expect(await answer.json()).toEqual({
    error: `invalid value in ${JSON.stringify(payloads.lead)}`,
  });
});

test("a body of any text and any header can be answered", async () => {
  receiver.respondWith({ status: 403, text: "<html>firewall</html>", headers: { server: "waf" } });
  const answer = await post(receiver, "/leads", payloads.lead);
  expect([answer.status, answer.headers.get("server"), await answer.text()]).toEqual([
    403,
    "waf",
    "<html>firewall</html>",
  ]);
});

test("a caller that leaves before its body is whole is no call", async () => {
  await new Promise<void>((resolve) => {
    const call = httpRequest(`${receiver.monelecUrl}/leads`, {
      method: "POST",
      headers: { "content-length": 100 },
    });
    call.on("error", () => resolve());
    call.write("{", () => call.destroy(new Error("gone")));
  });
  expect((await post(receiver, "/leads", payloads.lead)).status).toBe(201);
  expect(receiver.calls).toHaveLength(1);
});
