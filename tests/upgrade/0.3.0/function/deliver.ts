import { readBody } from "./body.ts";
import { type Destination, destinations, knownSecrets, type Target } from "./destinations.ts";
import type { Delivery } from "./envelope.ts";
import { stringifyJson } from "./json.ts";
import { deliveryLine } from "./log.ts";
import { classify, describeNetworkError, type Result, retryAfterSeconds } from "./outcome.ts";
import { redact, shorten } from "./redact.ts";
import { type Prepared, type Route, routeNamed } from "./routes.ts";
import type { Runtime } from "./runtime.ts";
import { siteUrl } from "./site.ts";

/** Ordering keys that are under way at the same time. */
const KEYS_SIDE_BY_SIDE = 10;

/** Limit of one call to a receiver, unless the delivery says otherwise. */
export const CALL_MS = 8_000;

/** More would never fit into the function's deadline. */
const CALL_MS_MOST = 14_000;

/** What is read of a receiver's answer, and how long its end is waited for. */
const ANSWER_LIMIT = { bytes: 16_384, ms: 1_000 };

type Verdict = Omit<Result, "delivery_id">;

/** `deadline` in milliseconds since 1970: a call that could end after it is not started. */
export type DeliverContext = {
  runtime: Runtime;
  destination: string;
  conflictIsDelivered: boolean;
  deadline: number;
};

/** One result per delivery, in their order. Each ordering key stops at its first that fails. */
export async function deliverAll(
  deliveries: readonly Delivery[],
  context: DeliverContext,
): Promise<Result[]> {
  const results = new Map<Delivery, Result>();
  const nextKey = byOrderingKey(deliveries).values();
  const lane = async () => {
    for (const key of nextKey) await deliverInOrder(key, context, results);
  };
  await Promise.all(Array.from({ length: KEYS_SIDE_BY_SIDE }, lane));
  return deliveries.flatMap((delivery) => results.get(delivery) ?? []);
}

function byOrderingKey(deliveries: readonly Delivery[]): Map<string, Delivery[]> {
  const keys = new Map<string, Delivery[]>();
  for (const delivery of deliveries) {
    const key = keys.get(delivery.ordering_key) ?? [];
    keys.set(delivery.ordering_key, [...key, delivery]);
  }
  return keys;
}

/** The answer for deliveries none of which is tried. */
export function attemptNone(
  deliveries: readonly Delivery[],
  runtime: Runtime,
  errorCode: string,
  error: string,
): Result[] {
  return deliveries.map((delivery) =>
    report(delivery, notSent("not_attempted", errorCode, error), runtime, runtime.now()),
  );
}

async function deliverInOrder(
  deliveries: readonly Delivery[],
  context: DeliverContext,
  results: Map<Delivery, Result>,
): Promise<void> {
  let stopped = false;
  for (const delivery of deliveries) {
    const started = context.runtime.now();
    const verdict: Verdict = stopped
      ? notSent(
          "not_attempted",
          "after_failure",
          "an earlier delivery of its key was not delivered",
        )
      : await deliver(delivery, context);
    stopped ||= verdict.outcome !== "delivered";
    results.set(delivery, report(delivery, verdict, context.runtime, started));
  }
}

async function deliver(delivery: Delivery, context: DeliverContext): Promise<Verdict> {
  const route = routeNamed(delivery.route);
  if (!route) {
    return notSent("misconfigured", "unknown_route", "this function knows no such route");
  }
  if (route.destination !== context.destination) {
    const error = `this function sends the route to ${route.destination}`;
    return notSent("misconfigured", "wrong_destination", error);
  }
  try {
    return await prepareAndSend(delivery, route, context);
  } catch {
    return notSent("misconfigured", "internal_error", "the function failed on this delivery");
  }
}

async function prepareAndSend(
  delivery: Delivery,
  route: Route,
  { runtime, conflictIsDelivered, deadline }: DeliverContext,
): Promise<Verdict> {
  const prepared = route.prepare(delivery.record, {
    capturedAt: delivery.captured_at,
    site: siteUrl(runtime.env),
  });
  if (!("payload" in prepared)) return refused(prepared);

  const destination: Destination = destinations[route.destination];
  const target = destination.target(runtime.env, route.path);
  if ("errorCode" in target) return notSent("misconfigured", target.errorCode, target.error);

  const timeoutMs = Math.min(delivery.timeout_ms ?? CALL_MS, CALL_MS_MOST);
  if (runtime.now() + timeoutMs > deadline) {
    return notSent("not_attempted", "deadline", "no time left for a call in this run");
  }
  return await post(delivery, prepared.payload, timeoutMs, {
    route,
    target,
    conflictIsDelivered,
    runtime,
  });
}

type Call = {
  route: Route;
  conflictIsDelivered: boolean;
  target: Extract<Target, { url: string }>;
  runtime: Runtime;
};

async function post(
  delivery: Delivery,
  payload: object,
  timeoutMs: number,
  { route, target, conflictIsDelivered, runtime }: Call,
): Promise<Verdict> {
  const signal = AbortSignal.timeout(timeoutMs);
  let response: Response;
  try {
    response = await runtime.fetch(target.url, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "Idempotency-Key": delivery.idempotency_key,
        ...target.headers,
      },
      body: stringifyJson(payload),
      redirect: "manual",
      signal,
    });
  } catch (error) {
    return signal.aborted
      ? notSent("unknown", "receiver_timeout", `no answer within ${timeoutMs} ms; may have arrived`)
      : notSent("retry", "network", describeNetworkError(error));
  }
  const { outcome, errorCode } = classify(response.status, { conflictIsDelivered });
  const answer = await readBody(response.body, ANSWER_LIMIT);
  return {
    outcome,
    status: response.status === 0 ? null : response.status,
    retry_after:
      outcome === "retry"
        ? retryAfterSeconds(response.headers.get("retry-after"), runtime.now())
        : null,
    error_code: errorCode,
    error:
      outcome === "delivered"
        ? null
        : complaint(route.destination, response.status, errorCode, () =>
            redact(answer.text, payload, knownSecrets(runtime.env), answer.cut),
          ),
  };
}

/** Our words, the status, and what the receiver said, unless that would show where it redirects to. */
function complaint(
  destination: string,
  status: number,
  errorCode: string | null,
  receiversText: () => string,
): string {
  if (errorCode === "redirect") return `${destination} redirects; redirects are not followed`;
  const answered = `${destination} answered ${status}`;
  let text: string;
  try {
    text = receiversText();
  } catch {
    // Its words are a stranger's. Whatever they do to us, what it answered holds.
    return `${answered}; its words could not be kept`;
  }
  return shorten(text ? `${answered}: ${text}` : answered);
}

function refused({ refusals, fault }: Extract<Prepared, { refusals: unknown }>): Verdict {
  const error = refusals.map(({ field, expected }) => `${field}: expected ${expected}`).join("; ");
  return notSent("reject", fault, shorten(error));
}

function notSent(outcome: Result["outcome"], errorCode: string, error: string): Verdict {
  return { outcome, status: null, retry_after: null, error_code: errorCode, error };
}

function report(delivery: Delivery, verdict: Verdict, runtime: Runtime, started: number): Result {
  const result = { delivery_id: delivery.id, ...verdict };
  runtime.log(deliveryLine(delivery, result, runtime.now() - started));
  return result;
}
