/** Writes an answer the way a fault wants it, or plainly. */
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { ReceivedCall } from "./book.ts";
import type { Fault } from "./faults.ts";
import type { Verdict } from "./judge.ts";

/** Nobody must call this path: a caller that does has followed a redirect. */
export const REDIRECTED_PATH = "/__redirected";

/**
 * Answers and notes the status in the call; null stays there when no whole answer went out.
 * Returns when the answer is handed over or the connection is broken.
 */
export async function writeAnswer(
  response: ServerResponse,
  call: ReceivedCall,
  verdict: Verdict,
  fault: Fault | null,
  latencyMs: number,
): Promise<void> {
  const delay = latencyMs + (fault?.delayMs ?? 0);
  if (delay > 0) await sleep(delay);
  if (fault?.hang || response.destroyed) return;
  if (fault?.reset) {
    response.socket?.resetAndDestroy();
    return;
  }
  const { status, headers, text } = fault ? spoil(verdict, call, fault) : plain(verdict);
  const body = Buffer.from(text);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": body.length,
    ...headers,
  });
  if (fault?.half) {
    response.write(body.subarray(0, body.length >> 1), () => response.socket?.destroy());
    return;
  }
  call.status = status;
  response.end(body);
}

interface Written {
  status: number;
  headers: Record<string, string>;
  text: string;
}

function plain({ status, headers = {}, body }: Verdict): Written {
  return { status, headers, text: JSON.stringify(body) };
}

function spoil(verdict: Verdict, call: ReceivedCall, fault: Fault): Written {
  const asked = fault.status ?? (fault.redirect ? 302 : fault.echo ? 422 : undefined);
  const status = asked ?? verdict.status;
  const error = fault.echo ? `invalid value in ${call.text}` : `asked to answer ${status}`;
  return {
    status,
    headers: {
      ...verdict.headers,
      ...(fault.retryAfter !== undefined && { "retry-after": String(fault.retryAfter) }),
      ...(fault.redirect && {
        location: fault.redirect === true ? REDIRECTED_PATH : fault.redirect,
      }),
      ...fault.headers,
    },
    text: fault.text ?? JSON.stringify(asked === undefined ? verdict.body : { error }),
  };
}
