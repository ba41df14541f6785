/** Faults that a test asks for: which calls they meet, how often, and what they do. */
import { z } from "zod";
import type { ReceivedCall } from "./book.ts";

const status = z.number().int().min(200).max(599);

/** What can be asked for over HTTP as well as in process. */
export const faultSchema = z.strictObject({
  /** Meets only calls to this path; either the whole path or its last part, such as `/leads`. */
  path: z.string().optional(),
  destination: z.enum(["monelec", "elementor"]).optional(),
  /** Meets only calls of this ordering key, such as `lead:<id>`. */
  subject: z.string().optional(),
  /** Meets only calls whose body holds this text. */
  bodyIncludes: z.string().optional(),
  /** Meets this many calls, then is gone; without it, until cleared. */
  times: z.number().int().positive().optional(),
  /** Answers this status. */
  status: status.optional(),
  /** Sends Retry-After: seconds, or a date as HTTP writes it. */
  retryAfter: z.union([z.number().int().nonnegative(), z.string()]).optional(),
  headers: z.record(z.string(), z.string()).optional(),
  /** The answer's text, in place of a short JSON. */
  text: z.string().optional(),
  /** Repeats the whole body in the error text, as careless receivers do. */
  echo: z.boolean().optional(),
  /** Milliseconds before the answer. */
  delayMs: z.number().nonnegative().optional(),
  /** Never answers; ends when the caller gives up. */
  hang: z.boolean().optional(),
  /** Breaks the connection without an answer. */
  reset: z.boolean().optional(),
  /** Breaks the connection in the middle of the answer. */
  half: z.boolean().optional(),
  /** Answers 302 (or `status`) to this address; true stands for a path that nobody must call. */
  redirect: z.union([z.literal(true), z.string()]).optional(),
  /** Whether the call takes effect all the same. Without it: only when the fault spoils or delays a good answer. */
  processed: z.boolean().optional(),
});

export type FaultOverHttp = z.infer<typeof faultSchema>;

export interface Fault extends FaultOverHttp {
  /** Meets only calls for which this holds. */
  when?: (call: ReceivedCall) => boolean;
}

export type Faults = ReturnType<typeof openFaults>;

export function openFaults() {
  const rules: { fault: Fault; left: number }[] = [];

  return {
    /** Adds a rule; an older rule that meets the same call goes first. Returns its removal. */
    add(fault: Fault): () => void {
      const rule = { fault, left: fault.times ?? Number.POSITIVE_INFINITY };
      rules.push(rule);
      return () => {
        const index = rules.indexOf(rule);
        if (index >= 0) rules.splice(index, 1);
      };
    },
    /** The fault for this call, counted as used. */
    take(call: ReceivedCall): Fault | null {
      const rule = rules.find(({ fault }) => meets(fault, call));
      if (!rule) return null;
      rule.left -= 1;
      if (rule.left <= 0) rules.splice(rules.indexOf(rule), 1);
      return rule.fault;
    },
    clear(): void {
      rules.length = 0;
    },
    pending(): FaultOverHttp[] {
      return rules.map(({ fault: { when: _, ...fault }, left }) =>
        Number.isFinite(left) ? { ...fault, times: left } : fault,
      );
    },
  };
}

/** Whether the receiver does its work although the caller will not learn so. */
export function isProcessed(fault: Fault): boolean {
  const refuses = fault.status !== undefined ? fault.status >= 300 : fault.echo || fault.redirect;
  const silent = fault.hang || fault.reset;
  return fault.processed ?? !(refuses || silent);
}

function meets(fault: Fault, call: ReceivedCall): boolean {
  return (
    (fault.path === undefined || call.path === fault.path || call.path.endsWith(fault.path)) &&
    (fault.destination === undefined || call.destination === fault.destination) &&
    (fault.subject === undefined || call.subject === fault.subject) &&
    (fault.bodyIncludes === undefined || call.text.includes(fault.bodyIncludes)) &&
    (fault.when === undefined || fault.when(call))
  );
}
