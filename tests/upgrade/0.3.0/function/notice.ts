import { CALL_MS } from "./deliver.ts";
import { type Destination, noticeTargets } from "./destinations.ts";
import { noticeLine } from "./log.ts";
import { classify, describeNetworkError, type Result } from "./outcome.ts";
import { shorten } from "./redact.ts";
import { type Runtime, readEnv } from "./runtime.ts";

/** Something for people: an alert's text, or one beat for a dead man's switch. */
export type Notice = { alert: string } | { heartbeat: true };

/** As of a delivery; the database has delays of its own. */
export type NoticeResult = Omit<Result, "delivery_id" | "retry_after">;

/** Characters; Slack cuts a text at 40,000. */
const TEXT_LIMIT = 10_000;

/** Posts an alert as Slack's incoming webhooks want it; asks for the heartbeat's URL, which is all it takes. */
export async function sendNotice(notice: Notice, runtime: Runtime): Promise<NoticeResult> {
  const kind = "alert" in notice ? "alert" : "heartbeat";
  const result = await call(noticeTargets[kind], kind, requestOf(notice, runtime), runtime);
  runtime.log(noticeLine(kind, result.outcome, result.status, result.error_code));
  return result;
}

function requestOf(notice: Notice, runtime: Runtime): RequestInit {
  if ("heartbeat" in notice) return { method: "GET" };
  const site = readEnv(runtime.env, "SITE_URL") ?? "";
  const from = URL.canParse(site) ? `crm-sync of ${new URL(site).host}` : "crm-sync";
  return {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      text: escapeForSlack(shorten(`${from}:\n${notice.alert}`, TEXT_LIMIT)),
    }),
  };
}

async function call(
  destination: Destination,
  kind: string,
  request: RequestInit,
  { env, fetch }: Runtime,
): Promise<NoticeResult> {
  const target = destination.target(env, "");
  if ("errorCode" in target) {
    const { errorCode, error } = target;
    return { outcome: "misconfigured", status: null, error_code: errorCode, error };
  }
  const signal = AbortSignal.timeout(CALL_MS);
  let response: Response;
  try {
    response = await fetch(target.url, { ...request, redirect: "manual", signal });
  } catch (error) {
    const [errorCode, text] = signal.aborted
      ? ["receiver_timeout", `no answer within ${CALL_MS} ms; may have arrived`]
      : ["network", describeNetworkError(error)];
    return { outcome: "retry", status: null, error_code: errorCode, error: text };
  }
  // What it says is of no interest, and how that ends is not either.
  response.body?.cancel().catch(() => {});
  const { status } = response;
  const { outcome, errorCode } = classify(status, { conflictIsDelivered: false });
  const error = outcome === "delivered" ? null : `the ${kind}'s receiver answered ${status}`;
  return { outcome, status, error_code: errorCode, error };
}

/** The three characters that Slack reads as control characters (its guide "Formatting text"). */
function escapeForSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
