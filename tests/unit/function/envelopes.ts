import { Webhook } from "standardwebhooks";
import { createHandler } from "../../../supabase/functions/crm-sync/handler.ts";
import { parseJson, stringifyJson } from "../../../supabase/functions/crm-sync/json.ts";
import type { Result } from "../../../supabase/functions/crm-sync/outcome.ts";
import type { RouteName } from "../../../supabase/functions/crm-sync/routes.ts";
import type { EnvName, Runtime } from "../../../supabase/functions/crm-sync/runtime.ts";
import { goldenRecord } from "./golden.ts";

/** Obvious fakes. */
export const SECRET = `whsec_${Buffer.from("a-signing-secret-for-tests-only!").toString("base64")}`;
export const OTHER_SECRET = `whsec_${Buffer.from("another-secret-for-tests-only!!!").toString("base64")}`;
export const ENVELOPE_ID = "11111111-2222-4333-8444-555555555555";

export const ENV: Partial<Record<EnvName, string>> = {
  CRM_SYNC_SIGNING_SECRET: SECRET,
  MONELEC_API_URL: "https://crm.test/api/external",
  MONELEC_API_KEY: "fake-api-key-of-the-tests",
  ELEMENTOR_WEBHOOK_URL: "https://shop.test/hook/fake-secret-of-the-url?token=fake-token",
};

type DeliveryInput = {
  id?: number;
  route?: RouteName | string;
  key?: string;
  record?: unknown;
  timeout_ms?: number;
  captured_at?: string;
  idempotency_key?: string;
};

/** A delivery as the database writes it. */
export function delivery(input: DeliveryInput = {}): Record<string, unknown> {
  const { id = 1, route = "lead", key = `${route}:${id}` } = input;
  return {
    id,
    route,
    attempt: 1,
    idempotency_key:
      input.idempotency_key ?? `00000000-0000-4000-8000-${String(id).padStart(12, "0")}`,
    ordering_key: key,
    captured_at: input.captured_at ?? "2026-11-22T03:01:37.123456Z",
    ...(input.timeout_ms !== undefined && { timeout_ms: input.timeout_ms }),
    type: "INSERT",
    schema: "public",
    table: "leads",
    record: input.record ?? goldenRecord(route as RouteName),
  };
}

export function envelope(
  deliveries: object[],
  overrides: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    version: 1,
    expires_at: new Date(Date.now() + 60_000).toISOString(),
    destination: "monelec",
    deliveries,
    ...overrides,
  };
}

/** Standard Webhooks headers over a body. */
export function signed(body: string, options: { secret?: string; at?: Date; id?: string } = {}) {
  const { secret = SECRET, at = new Date(), id = ENVELOPE_ID } = options;
  return {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": new Webhook(secret).sign(id, at, body),
  };
}

export function requestOf(body: string, headers: HeadersInit = signed(body)): Request {
  return new Request("https://function.test/crm-sync", { method: "POST", headers, body });
}

export type SentCall = { url: string; headers: Headers; body: string; init: RequestInit };

type Answering = (call: SentCall, number: number) => Response | Promise<Response>;

/** A handler whose receivers answer by `answering`; everything it sent and logged can be read. */
export function functionUnderTest(
  options: {
    env?: Partial<Record<EnvName, string>>;
    answering?: Answering;
    now?: () => number;
  } = {},
) {
  const { env = ENV, answering = () => new Response(null, { status: 200 }) } = options;
  const calls: SentCall[] = [];
  const lines: string[] = [];
  const runtime: Runtime = {
    env: (name) => env[name],
    now: options.now ?? Date.now,
    log: (line) => lines.push(line),
    fetch: async (url, init) => {
      const call = { url, headers: new Headers(init.headers), body: String(init.body), init };
      calls.push(call);
      return await answering(call, calls.length);
    },
  };
  const handler = createHandler(runtime);
  return {
    calls,
    lines,
    handler,
    /** Signs and sends; the answer's results come with plain numbers. */
    async send(content: object) {
      const response = await handler(requestOf(stringifyJson(content)));
      return await readAnswer(response);
    },
  };
}

export type PlainResult = Omit<Result, "delivery_id"> & { delivery_id: number };

export async function readAnswer(response: Response) {
  const body = await response.text();
  const parsed = JSON.parse(body) as { envelope_id: string; results: PlainResult[] };
  return { status: response.status, headers: response.headers, body, results: parsed.results };
}

/** What a number-keeping reader sees in a body. */
export function exactly(body: string): unknown {
  return parseJson(body);
}
