import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Receiver, startReceiver } from "../../../scripts/local/receiver/index.ts";
import * as payloads from "./payloads.ts";
import { type Posting, post } from "./payloads.ts";

let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver();
});
beforeEach(() => receiver.reset());
afterAll(() => receiver.stop());

const mistakes: [string, string, Posting, unknown, number, string][] = [
  ["an unknown path", "/lead", {}, payloads.lead, 404, "unknown_path"],
  ["another method", "/leads", { method: "PUT" }, payloads.lead, 405, "wrong_method"],
  ["no key", "/leads", { headers: { "x-api-key": undefined } }, payloads.lead, 401, "unauthorized"],
  ["a wrong key", "/leads", { headers: { "x-api-key": "x" } }, payloads.lead, 401, "unauthorized"],
  [
    "another content type",
    "/leads",
    { headers: { "content-type": "text/plain" } },
    payloads.lead,
    415,
    "wrong_content_type",
  ],
  [
    "no idempotency key",
    "/leads",
    { headers: { "idempotency-key": undefined } },
    payloads.lead,
    400,
    "missing_idempotency_key",
  ],
  [
    "an idempotency key of a sequence",
    "/leads",
    { key: "17" },
    payloads.lead,
    400,
    "missing_idempotency_key",
  ],
  ["no JSON", "/leads", {}, "{", 400, "malformed_json"],
  ["a field named twice", "/leads", {}, '{"a":1,"a":2}', 400, "malformed_json"],
  ["a list", "/leads", {}, [payloads.lead], 400, "malformed_json"],
];

test.each(mistakes)("%s", async (_, path, posting, body, status, kind) => {
  const answer = await post(receiver, path, body, posting);
  expect(answer.status).toBe(status);
  expect(receiver.violations.map((violation) => violation.kind)).toEqual([kind]);
  expect(receiver.effects.size).toBe(0);
});

test("monelec's key must not reach Elementor", async () => {
  const headers = { "x-api-key": receiver.apiKey };
  await post(receiver, "/elementor-webhook", payloads.orderConfirmation, { headers });
  expect(receiver.violations.map(({ kind }) => kind)).toEqual(["key_leaked"]);
});
