/** The receiver's controls over HTTP, for other processes: everything below /__control. */
import { z } from "zod";
import type { Book } from "./book.ts";
import { faultSchema } from "./faults.ts";
import type { Controls } from "./index.ts";
import type { People } from "./people.ts";

export const CONTROL_PATH = "/__control";

const latencySchema = z.strictObject({ ms: z.number().nonnegative() });

/** Answers a control call: `GET …/calls`, `POST …/respond-with` and so on. */
export function control(
  book: Book,
  people: People,
  controls: Controls,
  method: string,
  path: string,
  text: string,
): { status: number; body: unknown } {
  const routes: Record<string, () => unknown> = {
    "GET /calls": () => book.calls,
    "GET /effects": () => [...book.effects.values()],
    "GET /overlaps": () => book.overlaps,
    "GET /violations": () => book.violations,
    "GET /alerts": () => people.alerts,
    "GET /heartbeats": () => people.heartbeats,
    "GET /faults": () => controls.faults(),
    "POST /respond-with": () => {
      controls.respondWith(faultSchema.parse(JSON.parse(text)));
      return controls.faults();
    },
    "POST /latency": () => controls.setLatency(latencySchema.parse(JSON.parse(text)).ms),
    "POST /clear-faults": () => controls.clearFaults(),
    "POST /reset": () => controls.reset(),
  };
  const route = routes[`${method} ${path.slice(CONTROL_PATH.length)}`];
  if (!route)
    return { status: 404, body: { error: "no such control", known: Object.keys(routes) } };
  try {
    return { status: 200, body: route() ?? { ok: true } };
  } catch (error) {
    if (error instanceof z.ZodError)
      return { status: 400, body: { error: z.prettifyError(error) } };
    if (error instanceof SyntaxError) return { status: 400, body: { error: error.message } };
    throw error;
  }
}
