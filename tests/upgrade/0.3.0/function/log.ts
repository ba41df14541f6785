import type { Delivery } from "./envelope.ts";
import type { Result } from "./outcome.ts";

/** One line per delivery: never a value of the payload, never a URL, never the error's text. */
export function deliveryLine(delivery: Delivery, result: Result, ms: number): string {
  return JSON.stringify({
    route: delivery.route,
    delivery_id: delivery.id.value,
    attempt: delivery.attempt,
    outcome: result.outcome,
    status: result.status,
    ms,
    error_code: result.error_code,
  });
}

/** One line for an envelope that was not opened. */
export function refusalLine(status: number, error: string): string {
  return JSON.stringify({ envelope: "refused", status, error_code: error });
}

/** One line for what was told to people. */
export function noticeLine(
  kind: string,
  outcome: string,
  status: number | null,
  errorCode: string | null,
): string {
  return JSON.stringify({ notice: kind, outcome, status, error_code: errorCode });
}

/** One line per delivery of a dry run. */
export function dryRunLine(route: string, would: string, errorCode: string | null): string {
  return JSON.stringify({ dry_run: route, would, error_code: errorCode });
}
