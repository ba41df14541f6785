import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { stringifyJson } from "../../../supabase/functions/crm-sync/json.ts";
import {
  delivery,
  ENV,
  ENVELOPE_ID,
  envelope,
  functionUnderTest,
  OTHER_SECRET,
  requestOf,
  SECRET,
  signed,
} from "./envelopes.ts";

const body = stringifyJson(envelope([delivery()]));

async function answerTo(headers: HeadersInit, text = body, env = ENV) {
  const { handler, calls, lines } = functionUnderTest({ env });
  const response = await handler(requestOf(text, headers));
  return {
    status: response.status,
    json: (await response.json()) as { error?: string },
    headers: response.headers,
    calls,
    lines,
  };
}

function refusedWith(error: string, status = 401) {
  return {
    status,
    json: { error, hint: expect.any(String) },
    calls: [],
    lines: [JSON.stringify({ envelope: "refused", status, error_code: error })],
  };
}

test("a signed envelope is opened, and its answer is signed over the same id", async () => {
  const { handler } = functionUnderTest();
  const response = await handler(requestOf(body));
  const text = await response.text();
  expect(response.status).toBe(200);
  expect(response.headers.get("webhook-id")).toBe(ENVELOPE_ID);
  expect(() =>
    new Webhook(SECRET).verify(text, Object.fromEntries(response.headers)),
  ).not.toThrow();
  expect(JSON.parse(text)).toEqual({
    envelope_id: ENVELOPE_ID,
    results: [
      {
        delivery_id: 1,
        outcome: "delivered",
        status: 200,
        retry_after: null,
        error_code: null,
        error: null,
      },
    ],
  });
});

describe("refused, and nothing is sent:", () => {
  test.each(["webhook-id", "webhook-timestamp", "webhook-signature"])("no %s", async (name) => {
    const headers: Record<string, string> = signed(body);
    delete headers[name];
    expect(await answerTo(headers)).toMatchObject(refusedWith("unsigned"));
  });

  test.each(["webhook-id", "webhook-timestamp", "webhook-signature"])("%s twice", async (name) => {
    const headers = new Headers(signed(body));
    headers.append(name, headers.get(name) ?? "");
    expect(await answerTo(headers)).toMatchObject(refusedWith("unsigned"));
  });

  test.each([
    ["an empty signature", { "webhook-signature": "" }],
    ["a signature of another version alone", { "webhook-signature": "v2,AAAA" }],
    ["a timestamp that is no number", { "webhook-timestamp": "now" }],
    ["a negative timestamp", { "webhook-timestamp": "-1" }],
    ["an id with a space", { "webhook-id": "a b" }],
  ])("%s", async (_, changed) => {
    expect(await answerTo({ ...signed(body), ...changed })).toMatchObject(refusedWith("unsigned"));
  });

  test("a secret that is not ours", async () => {
    const headers = signed(body, { secret: OTHER_SECRET });
    expect(await answerTo(headers)).toMatchObject(refusedWith("bad_signature"));
  });

  test("another body under the same signature", async () => {
    const headers = signed(body);
    expect(await answerTo(headers, `${body} `)).toMatchObject(refusedWith("bad_signature"));
  });

  test("another id under the same signature", async () => {
    const headers = { ...signed(body), "webhook-id": "99999999-2222-4333-8444-555555555555" };
    expect(await answerTo(headers)).toMatchObject(refusedWith("bad_signature"));
  });

  test.each([-6 * 60_000, 6 * 60_000])("a timestamp %i ms off", async (offset) => {
    const headers = signed(body, { at: new Date(Date.now() + offset) });
    expect(await answerTo(headers)).toMatchObject(refusedWith("stale_timestamp"));
  });

  test.each([
    ["missing", undefined],
    ["blank", "  "],
    ["without whsec_", SECRET.slice(6)],
    ["not base64", "whsec_%%%"],
    ["empty behind its prefix", "whsec_"],
    ["good, but followed by a bad one", `${SECRET} oops`],
  ])("a signing secret that is %s", async (_, secret) => {
    const env = { ...ENV, CRM_SYNC_SIGNING_SECRET: secret } as typeof ENV;
    const answer = await answerTo(signed(body), body, env);
    expect(answer).toMatchObject(refusedWith("no_signing_secret", 500));
    if (secret && secret.length > 8) expect(JSON.stringify(answer.json)).not.toContain(secret);
  });

  test.each(["GET", "PUT", "OPTIONS"])("%s", async (method) => {
    const { handler } = functionUnderTest();
    const response = await handler(new Request("https://function.test/", { method }));
    expect(response.status).toBe(405);
  });
});

describe("while secrets are exchanged", () => {
  const env = { ...ENV, CRM_SYNC_SIGNING_SECRET: `${SECRET}  ${OTHER_SECRET}\n` };

  test.each([SECRET, OTHER_SECRET])(
    "either verifies, and the answer verifies with either",
    async (secret) => {
      const { handler } = functionUnderTest({ env });
      const response = await handler(requestOf(body, signed(body, { secret })));
      const text = await response.text();
      const headers = Object.fromEntries(response.headers);
      expect(response.status).toBe(200);
      expect(headers["webhook-signature"]?.split(" ")).toHaveLength(2);
      for (const known of [SECRET, OTHER_SECRET]) {
        expect(() => new Webhook(known).verify(text, headers)).not.toThrow();
      }
    },
  );

  test("an envelope may carry several signatures, one of which is known here", async () => {
    const headers = signed(body);
    const foreign = signed(body, { secret: OTHER_SECRET })["webhook-signature"];
    const both = { ...headers, "webhook-signature": `${foreign} ${headers["webhook-signature"]}` };
    expect((await answerTo(both)).status).toBe(200);
  });
});

describe("a caller who never ends what is to be verified", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test.each([
    ["sends a byte a second", true],
    ["sends nothing more", false],
  ])("and %s is refused after five seconds", async (_, drips) => {
    let isCancelled = false;
    let drip: ReturnType<typeof setInterval>;
    const slow = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("{"));
        if (drips) drip = setInterval(() => controller.enqueue(new Uint8Array([32])), 1_000);
      },
      cancel() {
        clearInterval(drip);
        isCancelled = true;
      },
    });
    const { handler, calls, lines } = functionUnderTest();
    const init = { method: "POST", headers: signed(body), body: slow, duplex: "half" };
    const answer = handler(new Request("https://function.test/", init as RequestInit));
    await vi.advanceTimersByTimeAsync(4_900);
    expect(isCancelled).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    const { status, ...response } = await answer.then(async (one) => ({
      status: one.status,
      json: await one.json(),
    }));
    expect({ status, ...response, calls, lines }).toEqual(refusedWith("too_slow", 408));
    expect(isCancelled).toBe(true);
  });
});

test("a byte order mark belongs to what is signed", async () => {
  const marked = `\uFEFF${body}`;
  expect(await answerTo(signed(body), marked)).toMatchObject(refusedWith("bad_signature"));
});
