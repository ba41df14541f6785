import { expect, test } from "vitest";
import type { NoticeResult } from "../../../supabase/functions/crm-sync/notice.ts";
import { ENV, ENVELOPE_ID, functionUnderTest, requestOf } from "./envelopes.ts";

const TELLING = {
  ...ENV,
  SITE_URL: "https://shop.example.test/",
  CRM_SYNC_ALERT_URL: "https://chat.test/services/fake-path-of-the-channel",
  CRM_SYNC_HEARTBEAT_URL: "https://beats.test/fake-id-of-the-check",
};

const alert = (text: string) => ({ version: 1, notice: { alert: text } });
const heartbeat = { version: 1, notice: { heartbeat: true } };

async function tell(notice: object, options: Parameters<typeof functionUnderTest>[0] = {}) {
  const { send, calls, lines } = functionUnderTest({ env: TELLING, ...options });
  const { results, ...answer } = await send(notice);
  return { ...answer, calls, lines, result: results[0] as unknown as NoticeResult };
}

test("an alert is posted as Slack wants it, and the answer is signed", async () => {
  const { status, headers, body, calls, result } = await tell(alert("error <a> & b\nrecovered c"));
  expect(calls.map(({ url, init }) => [init.method, url])).toEqual([
    ["POST", TELLING.CRM_SYNC_ALERT_URL],
  ]);
  expect(JSON.parse(calls[0]?.body ?? "")).toEqual({
    text: "crm-sync of shop.example.test:\nerror &lt;a&gt; &amp; b\nrecovered c",
  });
  expect(calls[0]?.headers.get("content-type")).toBe("application/json");
  expect(calls[0]?.init.redirect).toBe("manual");
  expect([status, headers.get("webhook-id")]).toEqual([200, ENVELOPE_ID]);
  expect(headers.get("webhook-signature")).toMatch(/^v1,/);
  expect(JSON.parse(body).envelope_id).toBe(ENVELOPE_ID);
  expect(result).toEqual({ outcome: "delivered", status: 200, error_code: null, error: null });
});

test("a heartbeat asks for its URL", async () => {
  const { calls, result } = await tell(heartbeat);
  expect(calls.map(({ url, init }) => [init.method, url])).toEqual([
    ["GET", TELLING.CRM_SYNC_HEARTBEAT_URL],
  ]);
  expect(result.outcome).toBe("delivered");
});

test.each([undefined, "", "no URL at all"])("without a site (%j) it is nobody's", async (site) => {
  const { SITE_URL, ...env } = TELLING;
  const { calls } = await tell(alert("x"), {
    env: site === undefined ? env : { ...env, SITE_URL: site },
  });
  expect(JSON.parse(calls[0]?.body ?? "").text).toBe("crm-sync:\nx");
});

test.each([
  ["CRM_SYNC_ALERT_URL", undefined, alert("x"), "missing_secret"],
  ["CRM_SYNC_ALERT_URL", "http://chat.test/hidden", alert("x"), "insecure_url"],
  ["CRM_SYNC_HEARTBEAT_URL", undefined, heartbeat, "missing_secret"],
  ["CRM_SYNC_HEARTBEAT_URL", "hidden", heartbeat, "invalid_url"],
])("%s as %j is misconfigured, and nobody is called", async (name, url, notice, code) => {
  const { [name as "CRM_SYNC_ALERT_URL"]: _, ...rest } = TELLING;
  const { calls, status, result } = await tell(notice, {
    env: url ? { ...rest, [name]: url } : rest,
  });
  expect(calls).toEqual([]);
  expect(status).toBe(207);
  expect(result).toMatchObject({ outcome: "misconfigured", status: null, error_code: code });
  expect(result.error).toContain(name);
  expect(result.error).not.toContain("hidden");
});

test.each([
  [500, "retry"],
  [429, "retry"],
  [404, "misconfigured"],
  [302, "misconfigured"],
  [400, "reject"],
])("%i is told as %s, without the URL or the receiver's words", async (status, outcome) => {
  const { result, body, lines } = await tell(alert("canary"), {
    answering: () => new Response("no such fake-path-of-the-channel", { status }),
  });
  expect(result).toMatchObject({ outcome, status });
  expect(body + lines.join()).not.toMatch(/fake-path|chat\.test|canary/);
});

test("what cannot be reached is tried again by the database", async () => {
  const { result } = await tell(alert("x"), {
    answering: () => {
      throw new Error("dns error: https://chat.test/services/fake-path-of-the-channel");
    },
  });
  expect(result).toEqual({
    ...{ outcome: "retry", status: null, error_code: "network", error: "name not found" },
  });
});

test("a long alert is cut, and says so", async () => {
  const { calls } = await tell(alert("x".repeat(50_000)));
  const { text } = JSON.parse(calls[0]?.body ?? "");
  expect(text).toHaveLength(10_000);
  expect(text.endsWith("…")).toBe(true);
});

test.each([{ alert: 5 }, {}, { heartbeat: false }, "alert"])("%j is no notice", async (notice) => {
  const { handler, calls } = functionUnderTest({ env: TELLING });
  const response = await handler(requestOf(JSON.stringify({ version: 1, notice })));
  expect(response.status).toBe(400);
  expect(calls).toEqual([]);
});
