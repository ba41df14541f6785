import type { JsonNumber } from "./json.ts";

export const OUTCOMES = [
  "delivered",
  "retry",
  "reject",
  "misconfigured",
  "not_attempted",
  "unknown",
] as const;

export type Outcome = (typeof OUTCOMES)[number];

/** What the database learns about one delivery. `retry_after` in seconds; `error` without values. */
export type Result = {
  delivery_id: JsonNumber;
  outcome: Outcome;
  status: number | null;
  retry_after: number | null;
  error_code: string | null;
  error: string | null;
};

const RETRY = new Set([408, 409, 425, 429]);
const MISCONFIGURED = new Set([401, 403, 404, 405, 410, 415]);

/** What a receiver's HTTP status means for the delivery; the table stands in docs/contract.md, "What an answer does". */
export function classify(
  status: number,
  settings: { conflictIsDelivered: boolean },
): { outcome: Outcome; errorCode: string | null } {
  const outcome = outcomeOf(status, settings);
  if (outcome === "delivered") return { outcome, errorCode: null };
  return { outcome, errorCode: isRedirect(status) ? "redirect" : `receiver_status_${status}` };
}

function outcomeOf(status: number, settings: { conflictIsDelivered: boolean }): Outcome {
  if (status >= 200 && status < 300) return "delivered";
  if (status === 409 && settings.conflictIsDelivered) return "delivered";
  if (isRedirect(status) || MISCONFIGURED.has(status)) return "misconfigured";
  if (status >= 400 && status < 500 && !RETRY.has(status)) return "reject";
  return "retry";
}

/** A runtime may hide a redirect that it did not follow behind status 0. */
function isRedirect(status: number): boolean {
  return status === 0 || (status >= 300 && status < 400);
}

const RETRY_AFTER_CAP_SECONDS = 24 * 60 * 60;
const HTTP_DATE = /^(mon|tue|wed|thu|fri|sat|sun)[a-z]*,? /i;

/** A Retry-After header, seconds or HTTP date, as whole seconds from now, at most 24 h; else null. */
export function retryAfterSeconds(header: string | null, nowMs: number): number | null {
  const value = header?.trim() ?? "";
  if (/^\d+$/.test(value)) return Math.min(Number(value), RETRY_AFTER_CAP_SECONDS);
  if (!HTTP_DATE.test(value)) return null;
  const date = Date.parse(/gmt|utc/i.test(value) ? value : `${value} GMT`);
  if (Number.isNaN(date)) return null;
  const seconds = Math.ceil((date - nowMs) / 1000);
  return Math.min(Math.max(seconds, 0), RETRY_AFTER_CAP_SECONDS);
}

/** A network failure as one of a few words: the runtime's own message would show the URL. */
export function describeNetworkError(error: unknown): string {
  const text = messagesOf(error)
    .join(" ")
    .replace(/https?:\S+/g, "");
  const known = NETWORK_FAILURES.find(([pattern]) => pattern.test(text));
  return known ? known[1] : "connection failed";
}

const NETWORK_FAILURES: ReadonlyArray<readonly [RegExp, string]> = [
  [/dns|ENOTFOUND|EAI_AGAIN|lookup address/i, "name not found"],
  [/refused|ECONNREFUSED/i, "connection refused"],
  [/certificate|tls|ssl/i, "no valid TLS connection"],
  [/unreachable|EHOSTUNREACH|ENETUNREACH/i, "host unreachable"],
  [/reset|ECONNRESET|closed|other side|incomplete|EPIPE|broken pipe/i, "connection broke off"],
];

function messagesOf(error: unknown): string[] {
  const messages: string[] = [];
  for (let e: unknown = error; e instanceof Error && messages.length < 5; e = e.cause) {
    messages.push(e.message, "code" in e ? String(e.code) : "");
  }
  return messages;
}
