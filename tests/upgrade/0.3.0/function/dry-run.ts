import { destinations } from "./destinations.ts";
import type { Delivery } from "./envelope.ts";
import type { JsonNumber } from "./json.ts";
import { dryRunLine } from "./log.ts";
import { mask } from "./mask.ts";
import { shorten } from "./redact.ts";
import { routeNamed } from "./routes.ts";
import type { Runtime } from "./runtime.ts";
import { siteUrl } from "./site.ts";

/** What would become of a delivery. `payload` is masked, unless it is asked for whole; null where the record is refused. */
export type DryRunResult = {
  delivery_id: JsonNumber;
  route: string;
  would: "send" | "reject" | "misconfigured";
  destination: string | null;
  path: string | null;
  payload: object | null;
  error_code: string | null;
  error: string | null;
};

/** Maps each record and calls nobody. */
export function dryRun(
  deliveries: readonly Delivery[],
  isWhole: boolean,
  runtime: Runtime,
): DryRunResult[] {
  return deliveries.map((delivery) => {
    const result = { ...outcomeOf(delivery, isWhole, runtime), delivery_id: delivery.id };
    runtime.log(dryRunLine(result.route, result.would, result.error_code));
    return result;
  });
}

function outcomeOf(
  delivery: Delivery,
  isWhole: boolean,
  runtime: Runtime,
): Omit<DryRunResult, "delivery_id"> {
  const nothing = { route: delivery.route, destination: null, path: null, payload: null };
  const route = routeNamed(delivery.route);
  if (!route) {
    const error = "this function knows no such route";
    return { ...nothing, would: "misconfigured", error_code: "unknown_route", error };
  }
  const known = { ...nothing, destination: route.destination, path: route.path };
  const prepared = prepare(delivery, route, runtime);
  if (prepared === null) {
    const error = "the function failed on this delivery";
    return { ...known, would: "misconfigured", error_code: "internal_error", error };
  }
  if (!("payload" in prepared)) {
    const error = prepared.refusals
      .map(({ field, expected }) => `${field}: expected ${expected}`)
      .join("; ");
    return { ...known, would: "reject", error_code: prepared.fault, error: shorten(error) };
  }
  const payload = isWhole ? prepared.payload : mask(prepared.payload, delivery.record);
  const target = destinations[route.destination].target(runtime.env, route.path);
  if ("errorCode" in target) {
    const { errorCode, error } = target;
    return { ...known, payload, would: "misconfigured", error_code: errorCode, error };
  }
  return { ...known, payload, would: "send", error_code: null, error: null };
}

function prepare(
  delivery: Delivery,
  route: NonNullable<ReturnType<typeof routeNamed>>,
  { env }: Runtime,
) {
  try {
    return route.prepare(delivery.record, {
      capturedAt: delivery.captured_at,
      site: siteUrl(env),
    });
  } catch {
    return null;
  }
}
