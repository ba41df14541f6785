import { Webhook, WebhookVerificationError } from "standardwebhooks";

/** Signs with every secret, verifies with any: that is how one is exchanged without a gap. */
export type Signer = {
  verify: (body: string, headers: Headers) => Verified;
  /** Standard Webhooks headers over the body; `nowMs` since 1970. */
  sign: (id: string, body: string, nowMs: number) => Record<string, string>;
};

export type Verified =
  | { id: string }
  | { error: "unsigned" | "stale_timestamp" | "bad_signature"; hint: string };

// Fetch joins a header that came twice with a comma: none of these patterns lets that pass.
const ID = /^[\w.:-]{1,128}$/;
const TIMESTAMP = /^\d{1,12}$/;
const SIGNATURES = /^v1a?,[A-Za-z0-9+/=]+( v1a?,[A-Za-z0-9+/=]+)*$/;

/** Reads `whsec_…`, one or several, separated by white space; null where there is none that works. */
export function createSigner(secrets: string | null): Signer | null {
  const webhooks = (secrets ?? "").split(/\s+/).filter(Boolean).map(toWebhook);
  const usable = webhooks.filter((webhook) => webhook !== null);
  if (usable.length === 0 || usable.length < webhooks.length) return null;
  return {
    verify: (body, headers) => verify(usable, body, headers),
    sign: (id, body, nowMs) => ({
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(nowMs / 1000)),
      "webhook-signature": usable
        .map((webhook) => webhook.sign(id, new Date(nowMs), body))
        .join(" "),
    }),
  };
}

/** Whether there are headers worth reading a body for; says nothing about their truth. */
export function unsigned(headers: Headers): Verified | null {
  const wellFormed =
    ID.test(headers.get("webhook-id") ?? "") &&
    TIMESTAMP.test(headers.get("webhook-timestamp") ?? "") &&
    SIGNATURES.test(headers.get("webhook-signature") ?? "");
  if (wellFormed) return null;
  return {
    error: "unsigned",
    hint: "webhook-id, webhook-timestamp and webhook-signature are needed, each once",
  };
}

function verify(webhooks: Webhook[], body: string, headers: Headers): Verified {
  const refused = unsigned(headers);
  if (refused) return refused;
  const passed = Object.fromEntries(
    ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) => [
      name,
      headers.get(name) ?? "",
    ]),
  );
  const problems = webhooks.map((webhook) => problemWith(webhook, body, passed));
  if (problems.includes(null)) return { id: passed["webhook-id"] ?? "" };
  return problems.some((problem) => problem?.startsWith("Message timestamp"))
    ? { error: "stale_timestamp", hint: "the timestamp is more than five minutes off; sign again" }
    : { error: "bad_signature", hint: "CRM_SYNC_SIGNING_SECRET differs from the database's" };
}

function problemWith(
  webhook: Webhook,
  body: string,
  headers: Record<string, string>,
): string | null {
  try {
    webhook.verify(body, headers, { jsonParse: false });
    return null;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return error.message;
    throw error;
  }
}

function toWebhook(secret: string): Webhook | null {
  if (!secret.startsWith("whsec_")) return null;
  try {
    return new Webhook(secret);
  } catch {
    return null;
  }
}
