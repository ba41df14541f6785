/** What the receivers saw and stored: calls, effects, and every breach of a promise. */
import { createHash } from "node:crypto";
import type { Destination, Fields } from "./contract.ts";

export interface ReceivedCall {
  /** Order of arrival, from 1. */
  number: number;
  receivedAt: Date;
  /** When the answer was out or the caller gone; null while the call is open. */
  closedAt: Date | null;
  method: string;
  path: string;
  destination: Destination | null;
  /** Without X-API-Key. */
  headers: Record<string, string>;
  /** The body as it came. */
  text: string;
  body: unknown;
  idempotencyKey: string | null;
  entity: string | null;
  subject: string | null;
  /** The status answered; null when no complete answer went out. */
  status: number | null;
  /** The key and body had been accepted before: answered alike, without a second effect. */
  repeat: boolean;
  /** The call changed what the receiver stores. */
  effect: boolean;
  /** A fault was asked for and decided the answer. */
  injected: boolean;
}

export interface Effect {
  entity: string;
  path: string;
  /** Every field's last value; an update without a field keeps it. */
  state: Fields;
  lastBody: Fields;
  /** Idempotency keys in the order in which they took effect. */
  keys: string[];
  updatedAt: Date;
}

export interface Violation {
  at: Date;
  callNumber: number;
  path: string;
  kind: ViolationKind;
  detail: string;
}

export type ViolationKind =
  | "unknown_path"
  | "wrong_method"
  | "unauthorized"
  | "key_leaked"
  | "wrong_content_type"
  | "missing_idempotency_key"
  | "malformed_json"
  | "schema"
  | "idempotency_key_reused"
  | "overlap";

export interface Overlap {
  subject: string;
  /** Number of the call that was open, and of the one that came meanwhile. */
  calls: [number, number];
}

interface Answer {
  status: number;
  body: Fields;
}

interface Remembered {
  path: string;
  fingerprint: string;
  answer: Answer | null;
}

export type Book = ReturnType<typeof openBook>;

export function openBook() {
  const calls: ReceivedCall[] = [];
  const violations: Violation[] = [];
  const overlaps: Overlap[] = [];
  const effects = new Map<string, Effect>();
  const remembered = new Map<string, Remembered>();
  const openBySubject = new Map<string, ReceivedCall[]>();

  function violate(call: ReceivedCall, kind: ViolationKind, detail: string): void {
    violations.push({ at: new Date(), callNumber: call.number, path: call.path, kind, detail });
  }

  /** From here until `close` the call counts as under way for its subject. */
  function open(call: ReceivedCall): void {
    if (!call.subject) return;
    const others = openBySubject.get(call.subject) ?? [];
    for (const other of others) {
      overlaps.push({ subject: call.subject, calls: [other.number, call.number] });
      violate(call, "overlap", `call ${other.number} for ${call.subject} was still open`);
    }
    openBySubject.set(call.subject, [...others, call]);
  }

  function close(call: ReceivedCall): void {
    if (call.closedAt) return;
    call.closedAt = new Date();
    if (!call.subject) return;
    const rest = (openBySubject.get(call.subject) ?? []).filter((other) => other !== call);
    if (rest.length > 0) openBySubject.set(call.subject, rest);
    else openBySubject.delete(call.subject);
  }

  /** Ties a key to its first body, whatever that attempt is answered; null when it breaks the tie. */
  function remember(call: ReceivedCall, key: string): Remembered | null {
    const fingerprint = createHash("sha256").update(call.text).digest("hex");
    const known = remembered.get(key);
    if (!known) {
      const fresh = { path: call.path, fingerprint, answer: null };
      remembered.set(key, fresh);
      return fresh;
    }
    return known.path === call.path && known.fingerprint === fingerprint ? known : null;
  }

  /** Stores a call's body once; a repeat gets the first answer again. */
  function apply(call: ReceivedCall, entity: string, key: string, known: Remembered): Answer {
    if (known.answer) {
      call.repeat = true;
      return known.answer;
    }
    const before = effects.get(entity);
    const body = call.body as Fields;
    effects.set(entity, {
      entity,
      path: call.path,
      state: { ...before?.state, ...body },
      lastBody: body,
      keys: [...(before?.keys ?? []), key],
      updatedAt: new Date(),
    });
    call.effect = true;
    const created = call.destination === "monelec" && !before;
    known.answer = { status: created ? 201 : 200, body: { ok: true, entity, created: !before } };
    return known.answer;
  }

  function reset(): void {
    calls.length = 0;
    violations.length = 0;
    overlaps.length = 0;
    effects.clear();
    remembered.clear();
    openBySubject.clear();
  }

  return {
    calls,
    violations,
    overlaps,
    effects,
    violate,
    open,
    close,
    remember,
    apply,
    reset,
  };
}
