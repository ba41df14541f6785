/** Decides what an undisturbed receiver answers to a call, and stores what it accepts. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Book, ReceivedCall, ViolationKind } from "./book.ts";
import { breaches, ENDPOINTS, type FieldError, isFields, parseExactly } from "./contract.ts";

export interface Verdict {
  status: number;
  body: Record<string, unknown>;
  headers?: Record<string, string>;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Fills in what the call's body says of itself; a body that is no JSON leaves it empty. */
export function readBody(call: ReceivedCall): void {
  try {
    call.body = parseExactly(call.text).body;
  } catch {
    return;
  }
  const endpoint = ENDPOINTS.get(call.path);
  if (!endpoint || !isFields(call.body)) return;
  Object.assign(call, endpoint.name(call.body));
}

/**
 * Checks in the order in which a web server would: address, key, form, content.
 * `store` false leaves everything but the tie between idempotency key and body as it is.
 */
export function judge(
  book: Book,
  call: ReceivedCall,
  sentKey: string | undefined,
  apiKey: string,
  store: boolean,
): Verdict {
  const refuse = (
    status: number,
    kind: ViolationKind,
    error: string,
    more: Omit<Verdict, "status" | "body"> & { fields?: FieldError[] } = {},
  ): Verdict => {
    const { fields, headers } = more;
    book.violate(call, kind, fields ? fields.map(toText).join("; ") : error);
    return { status, body: { error, ...(fields && { fields }) }, ...(headers && { headers }) };
  };

  const endpoint = ENDPOINTS.get(call.path);
  if (!endpoint) return refuse(404, "unknown_path", "no such path");
  if (call.method !== "POST") {
    return refuse(405, "wrong_method", "only POST", { headers: { allow: "POST" } });
  }
  if (endpoint.destination === "monelec" && !sameSecret(sentKey, apiKey)) {
    return refuse(401, "unauthorized", sentKey ? "wrong X-API-Key" : "X-API-Key is missing");
  }
  if (endpoint.destination === "elementor" && sentKey !== undefined) {
    book.violate(call, "key_leaked", "X-API-Key belongs to monelec alone");
  }
  if (!/^application\/json\s*(;\s*charset=utf-8\s*)?$/i.test(call.headers["content-type"] ?? "")) {
    return refuse(415, "wrong_content_type", "Content-Type must be application/json");
  }
  const key = call.idempotencyKey;
  if (!key || !UUID.test(key)) {
    return refuse(400, "missing_idempotency_key", "Idempotency-Key must be a uuid");
  }
  const known = book.remember(call, key);
  if (!known) {
    return refuse(409, "idempotency_key_reused", "this Idempotency-Key came with another body");
  }
  if (!isFields(call.body)) return refuse(400, "malformed_json", "the body must be a JSON object");

  const fields = [
    ...breaches(endpoint.schemaFor(call.body), call.body),
    ...parseExactly(call.text).inexact.map((digits) => ({
      field: "",
      expected: `a number that a double can hold, not ${digits}`,
    })),
  ];
  if (fields.length > 0) return refuse(422, "schema", "the body breaks the contract", { fields });
  // The schemas require the field that names the entity.
  return store ? book.apply(call, call.entity as string, key, known) : { status: 200, body: {} };
}

function toText({ field, expected }: FieldError): string {
  return `${field || "body"}: ${expected}`;
}

function sameSecret(given: string | undefined, expected: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return given !== undefined && timingSafeEqual(digest(given), digest(expected));
}
