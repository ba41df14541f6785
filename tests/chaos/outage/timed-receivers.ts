/** The receivers of ../world, to which a call takes time, and which a test lets fail by the time, the URL or the body. */
import {
  createReceivers,
  RECEPTIONS,
  type Receivers,
  stopWaitingForReal,
} from "../world/receivers.ts";
import type { Clock } from "./clock.ts";

export interface Call {
  at: number;
  endedAt: number;
  destination: "monelec" | "elementor";
  idempotencyKey: string;
  body: string;
  /** The name of what became of it, as in RECEPTIONS. */
  reception: string;
}

export type Behaviour = (call: Omit<Call, "reception" | "endedAt">) => string;

export interface TimedReceivers {
  receivers: Receivers;
  calls: Call[];
}

const TAKES_MS = 30;

/** `behave` says what becomes of a call, by name. */
export function createTimedReceivers(clock: Clock, behave: Behaviour): TimedReceivers {
  const timeouts = rememberTimeouts();
  const inner = createReceivers();
  const calls: Call[] = [];
  const fetch: Receivers["fetch"] = async (url, init) => {
    const call = {
      at: clock.now(),
      destination: url.includes("elementor") ? ("elementor" as const) : ("monelec" as const),
      idempotencyKey: new Headers(init.headers).get("idempotency-key") ?? "",
      body: String(init.body),
    };
    const name = behave(call);
    const reception = RECEPTIONS[name];
    if (!reception) throw new Error(`no reception is called ${name}`);
    const timeout = init.signal && timeouts.get(init.signal);
    await clock.sleep(reception.answer === "hang" ? (timeout ?? TAKES_MS) : TAKES_MS);
    calls.push({ ...call, endedAt: clock.now(), reception: name });
    inner.expect([reception]);
    return inner.fetch(url, init);
  };
  return { receivers: { ...inner, fetch }, calls };
}

/** How long each time limit is that the function sets from now on. */
function rememberTimeouts(): WeakMap<AbortSignal, number> {
  stopWaitingForReal();
  const timeouts = new WeakMap<AbortSignal, number>();
  const begin = AbortSignal.timeout;
  AbortSignal.timeout = (ms) => {
    const signal = begin(ms);
    timeouts.set(signal, ms);
    return signal;
  };
  return timeouts;
}
