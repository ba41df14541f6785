import { z } from "zod";
import { isJsonNumber, type JsonNumber, parseJson } from "./json.ts";
import type { Notice } from "./notice.ts";

/** Bytes; the database packs at most 1 MB and sends a larger record nowhere. */
export const ENVELOPE_LIMIT = 1_100_000;

export const ENVELOPE_VERSION = 1;

const integer = z
  .custom<JsonNumber>(isJsonNumber, "a number")
  .refine((number) => /^\d{1,19}$/.test(number.value), "a whole number");

const count = integer.transform((number) => Number(number.value));

const delivery = z.object({
  id: integer,
  route: z.string(),
  attempt: count,
  idempotency_key: z.string().regex(/^[\x21-\x7e]{1,255}$/, "a visible ASCII text"),
  ordering_key: z.string(),
  /** Time of the change. */
  captured_at: z.string(),
  /** Limit of the call to the receiver, in milliseconds. */
  timeout_ms: count.optional(),
  /** Checked against the route's schema, one by one: one bad row does not spoil the envelope. */
  record: z.unknown(),
});

const versioned = z.object({ version: integer });

const envelope = z.object({
  expires_at: z
    .string()
    .transform((text) => Date.parse(text))
    .refine((ms) => !Number.isNaN(ms), "a time"),
  destination: z.string(),
  /** A setting of the destination: some receivers answer 409 to what they know already. */
  conflict_is_delivered: z.boolean().optional(),
  /**
   * Map, mask (unless it asks for the whole payload), answer, and call nobody. Such an envelope names no destination that
   * has routes: an older function sends none of it either.
   */
  dry_run: z.union([z.boolean(), z.literal("whole")]).optional(),
  deliveries: z.array(delivery).min(1),
});

/** In the place of an envelope; an older function refuses it. */
const notice = z.object({
  notice: z.union([z.object({ alert: z.string() }), z.object({ heartbeat: z.literal(true) })]),
});

export type Delivery = z.infer<typeof delivery>;

/** `expires_at` in milliseconds since 1970. */
export type Envelope = z.infer<typeof envelope>;

export type OpenedEnvelope =
  | { envelope: Envelope }
  | { notice: Notice }
  | { error: "malformed" | "unknown_version"; hint: string };

/** A body as an envelope, or as a notice. Unknown fields are ignored, an unknown version is not. */
export function openEnvelope(body: string): OpenedEnvelope {
  let json: unknown;
  try {
    json = parseJson(body);
  } catch {
    return { error: "malformed", hint: "the body is not JSON, or nested too deeply" };
  }
  const version = versioned.safeParse(json);
  if (!version.success) return { error: "malformed", hint: hintOf(version.error) };
  if (Number(version.data.version.value) !== ENVELOPE_VERSION) {
    return {
      error: "unknown_version",
      hint: `this function reads envelopes of version ${ENVELOPE_VERSION}; deploy the one that belongs to the database`,
    };
  }
  const told = notice.safeParse(json);
  if (told.success) return { notice: told.data.notice };
  const opened = envelope.safeParse(json);
  if (!opened.success) return { error: "malformed", hint: hintOf(opened.error) };
  return { envelope: opened.data };
}

function hintOf(error: z.ZodError): string {
  const [issue] = error.issues;
  return `${issue?.path.map(String).join(".") || "body"}: ${issue?.message}`;
}
