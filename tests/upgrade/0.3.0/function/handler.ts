import { readBody } from "./body.ts";
import { attemptNone, deliverAll } from "./deliver.ts";
import { type DryRunResult, dryRun } from "./dry-run.ts";
import { ENVELOPE_LIMIT, openEnvelope } from "./envelope.ts";
import { stringifyJson } from "./json.ts";
import { refusalLine } from "./log.ts";
import { type NoticeResult, sendNotice } from "./notice.ts";
import type { Result } from "./outcome.ts";
import { type Runtime, readEnv } from "./runtime.ts";
import { createSigner, type Signer, unsigned } from "./signature.ts";

/** From the request's arrival; below pg_net's own limit of 20 s, above one call of 8 s. */
const DEADLINE_MS = 15_000;

/** For the whole of a body; the database sends one at once, and anybody can send one that never ends. */
const BODY_MS = 5_000;

/**
 * An envelope in, a signed answer with one result per delivery out: 200 all delivered, 207 not all,
 * 409 expired. A notice in, its one result out. Unsigned, for what is no envelope of ours: 400, 401, 405, 408, 413, 500.
 */
export function createHandler(runtime: Runtime): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      return await handle(request, runtime);
    } catch {
      return refuse(runtime, 500, "internal_error", "the function failed before any delivery");
    }
  };
}

async function handle(request: Request, runtime: Runtime): Promise<Response> {
  const deadline = runtime.now() + DEADLINE_MS;
  if (request.method !== "POST") {
    return refuse(runtime, 405, "method_not_allowed", "the database posts envelopes here");
  }
  const signer = createSigner(readEnv(runtime.env, "CRM_SYNC_SIGNING_SECRET"));
  if (!signer) {
    const hint = "CRM_SYNC_SIGNING_SECRET must hold one or several whsec_<base64>";
    return refuse(runtime, 500, "no_signing_secret", hint);
  }
  const bare = unsigned(request.headers);
  if (bare && "error" in bare) return refuse(runtime, 401, bare.error, bare.hint);

  const announced = Number(request.headers.get("content-length") ?? 0);
  const body = await readBody(request.body, {
    bytes: announced > ENVELOPE_LIMIT ? 0 : ENVELOPE_LIMIT,
    ms: BODY_MS,
  });
  if (body.late) {
    return refuse(runtime, 408, "too_slow", `an envelope is here within ${BODY_MS} ms`);
  }
  if (body.cut) {
    return refuse(runtime, 413, "too_large", `an envelope has at most ${ENVELOPE_LIMIT} bytes`);
  }
  const verified = signer.verify(body.text, request.headers);
  if ("error" in verified) return refuse(runtime, 401, verified.error, verified.hint);

  const opened = openEnvelope(body.text);
  if ("error" in opened) return refuse(runtime, 400, opened.error, opened.hint);

  if ("notice" in opened) {
    const result = await sendNotice(opened.notice, runtime);
    return answer(
      result.outcome === "delivered" ? 200 : 207,
      verified.id,
      [result],
      signer,
      runtime,
    );
  }
  const { deliveries, destination, expires_at } = opened.envelope;
  if (runtime.now() >= expires_at) {
    const error = "the envelope came after its time; the database claims its deliveries again";
    const results = attemptNone(deliveries, runtime, "expired", error);
    return answer(409, verified.id, results, signer, runtime);
  }
  if (opened.envelope.dry_run) {
    const isWhole = opened.envelope.dry_run === "whole";
    return answer(200, verified.id, dryRun(deliveries, isWhole, runtime), signer, runtime);
  }
  const results = await deliverAll(deliveries, {
    runtime,
    destination,
    conflictIsDelivered: opened.envelope.conflict_is_delivered ?? false,
    deadline,
  });
  const allDelivered = results.every((result) => result.outcome === "delivered");
  return answer(allDelivered ? 200 : 207, verified.id, results, signer, runtime);
}

function answer(
  status: number,
  envelopeId: string,
  results: Result[] | DryRunResult[] | NoticeResult[],
  signer: Signer,
  runtime: Runtime,
): Response {
  const body = stringifyJson({ envelope_id: envelopeId, results });
  return new Response(body, {
    status,
    headers: {
      "content-type": "application/json",
      ...signer.sign(envelopeId, body, runtime.now()),
    },
  });
}

function refuse(runtime: Runtime, status: number, error: string, hint: string): Response {
  runtime.log(refusalLine(status, error));
  return new Response(JSON.stringify({ error, hint }), {
    status,
    headers: { "content-type": "application/json" },
  });
}
