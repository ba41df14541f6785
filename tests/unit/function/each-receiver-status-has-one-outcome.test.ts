import { expect, test } from "vitest";
import {
  classify,
  describeNetworkError,
  type Outcome,
  retryAfterSeconds,
} from "../../../supabase/functions/crm-sync/outcome.ts";
import { delivery, envelope, functionUnderTest } from "./envelopes.ts";

const table: [Outcome, number[]][] = [
  ["delivered", [200, 201, 202, 204, 206, 226, 299]],
  ["retry", [408, 409, 425, 429, 500, 501, 502, 503, 504, 507, 520, 546, 599]],
  ["reject", [400, 402, 406, 411, 412, 413, 414, 416, 418, 422, 423, 424, 426, 428, 431, 451, 499]],
  ["misconfigured", [300, 301, 302, 303, 304, 307, 308, 401, 403, 404, 405, 410, 415]],
];

test.each(table)("%s", async (outcome, statuses) => {
  for (const status of statuses) {
    const bodyless = [204, 304].includes(status);
    const { send } = functionUnderTest({
      answering: () => new Response(bodyless ? null : "no", { status }),
    });
    const { status: answered, results } = await send(envelope([delivery()]));
    expect(answered).toBe(outcome === "delivered" ? 200 : 207);
    const redirect = status >= 300 && status < 400;
    expect(results).toEqual([
      {
        delivery_id: 1,
        outcome,
        status,
        retry_after: null,
        error_code:
          outcome === "delivered" ? null : redirect ? "redirect" : `receiver_status_${status}`,
        error:
          outcome === "delivered"
            ? null
            : redirect
              ? "monelec redirects; redirects are not followed"
              : `monelec answered ${status}: no`,
      },
    ]);
  }
});

test("409 is delivered where the destination says that it means known already", () => {
  expect(classify(409, { conflictIsDelivered: true }).outcome).toBe("delivered");
  expect(classify(409, { conflictIsDelivered: false }).outcome).toBe("retry");
  expect(classify(422, { conflictIsDelivered: true }).outcome).toBe("reject");
});

test("a redirect that the runtime hides behind status 0 is one", () => {
  expect(classify(0, { conflictIsDelivered: false })).toEqual({
    outcome: "misconfigured",
    errorCode: "redirect",
  });
});

const now = Date.parse("2026-11-22T03:00:00Z");

test.each([
  [null, null],
  ["", null],
  ["0", 0],
  ["120", 120],
  [" 7 ", 7],
  ["86400", 86_400],
  ["86401", 86_400],
  ["99999999999999999999", 86_400],
  ["-5", null],
  ["1.5", null],
  ["soon", null],
  ["2026", 2026],
  ["2026-11-22", null],
  ["Sun, 22 Nov 2026 03:02:00 GMT", 120],
  ["Sunday, 22-Nov-26 03:02:00 GMT", 120],
  ["Sun Nov 22 03:02:00 2026", 120],
  ["Sun, 22 Nov 2026 02:00:00 GMT", 0],
  ["Sun, 22 Nov 2027 03:00:00 GMT", 86_400],
  ["Sun, 99 Foo 2026 03:02:00 GMT", null],
])("Retry-After %j is %j seconds", (header, seconds) => {
  expect(retryAfterSeconds(header, now)).toBe(seconds);
});

test.each([
  [429, "30", 30],
  [503, "Sun, 22 Nov 2026 03:01:00 GMT", 60],
  [422, "30", null],
  [404, "30", null],
  [200, "30", null],
])("a %i with Retry-After %s says %j", async (status, header, expected) => {
  const { send } = functionUnderTest({
    now: () => now,
    answering: () => new Response("", { status, headers: { "retry-after": header } }),
  });
  const { results } = await send(envelope([delivery()], { expires_at: "2027-01-01T00:00:00Z" }));
  expect(results[0]?.retry_after).toBe(expected);
});

test.each([
  ["tcp connect error: Connection refused (os error 111)", "connection refused"],
  ["dns error: failed to lookup address information", "name not found"],
  ["invalid peer certificate: UnknownIssuer", "no valid TLS connection"],
  ["connection closed before message completed", "connection broke off"],
  ["Connection reset by peer (os error 104)", "connection broke off"],
  ["something else", "connection failed"],
])("a network failure is told in our words: %s", (message, words) => {
  const hidden = `error sending request for url (https://tls.dns.test/secret): ${message}`;
  expect(describeNetworkError(new TypeError(hidden))).toBe(words);
  expect(describeNetworkError(new TypeError("fetch failed", { cause: new Error(message) }))).toBe(
    words,
  );
});

test("a network failure is retried", async () => {
  const { send } = functionUnderTest({
    answering: () => Promise.reject(new TypeError("Connection reset for url (https://x/secret)")),
  });
  const { results } = await send(envelope([delivery()]));
  expect(results[0]).toEqual({
    delivery_id: 1,
    outcome: "retry",
    status: null,
    retry_after: null,
    error_code: "network",
    error: "connection broke off",
  });
});
