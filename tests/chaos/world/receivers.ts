/** Both receivers, in memory: what each was told about an entity, and answers that the test draws. */

/** How a receiver takes one call. `arrives`: it acts upon the call, whatever it says or does not say. */
export interface Reception {
  name: string;
  arrives: boolean;
  answer: (() => Response) | "hang" | "reset";
}

export interface Arrival {
  /** `lead:…`, `request:…`, `payment:…` or `order:…`. */
  entity: string;
  idempotencyKey: string;
  body: string;
  payload: Record<string, unknown>;
  /** Whether the receiver said 2xx. */
  confirmed: boolean;
}

export interface Receivers {
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  arrivals: Arrival[];
  calls: number;
  /** The next call is taken as the next of these says; without any left, as delivered. */
  expect(receptions: Reception[]): void;
}

/** `onCall` is told the name of what becomes of each call. */
export function createReceivers(onCall: (name: string) => void = () => {}): Receivers {
  const arrivals: Arrival[] = [];
  let expected: Reception[] = [];
  const receivers: Receivers = {
    arrivals,
    calls: 0,
    expect: (receptions) => {
      expected = [...receptions];
    },
    fetch: async (url, init) => {
      receivers.calls += 1;
      const { name, arrives, answer } = expected.shift() ?? DELIVERED;
      onCall(name);
      const response = typeof answer === "string" ? null : answer();
      if (arrives) arrivals.push(arrivalOf(url, init, response?.ok ?? false));
      if (response) return response;
      if (answer === "hang") letTimeOut(init.signal);
      throw new TypeError("connection reset");
    },
  };
  return receivers;
}

const DELIVERED: Reception = {
  name: "2xx",
  arrives: true,
  answer: () => new Response("{}", { status: 201 }),
};

function arrivalOf(url: string, init: RequestInit, confirmed: boolean): Arrival {
  const body = String(init.body);
  const payload = JSON.parse(body) as Record<string, unknown>;
  const idempotencyKey = new Headers(init.headers).get("idempotency-key") ?? "";
  return { entity: entityOf(url, payload), idempotencyKey, body, payload, confirmed };
}

function entityOf(url: string, payload: Record<string, unknown>): string {
  if (url.endsWith("/leads")) return `lead:${payload.lovable_lead_id}`;
  if (url.endsWith("/requests")) return `request:${payload.lovable_request_id}`;
  if (/\/payment-(session|intent)$/.test(url)) return `payment:${payload.lovable_payment_id}`;
  return `order:${(payload.fields as Record<string, unknown>).order_id}`;
}

const timeouts = new WeakMap<AbortSignal, AbortController>();

/** From now on a time limit ends when a receiver hangs, not when the clock says so. */
export function stopWaitingForReal(): void {
  AbortSignal.timeout = () => {
    const controller = new AbortController();
    timeouts.set(controller.signal, controller);
    return controller.signal;
  };
}

function letTimeOut(signal: AbortSignal | null | undefined): void {
  if (signal) timeouts.get(signal)?.abort(new DOMException("timed out", "TimeoutError"));
}

type Unnamed = Omit<Reception, "name">;

function answering(status: number, headers: Record<string, string> = {}): Unnamed {
  return { arrives: status === 409, answer: () => new Response("refused", { status, headers }) };
}

const inTwoMinutes = () => new Date(Date.now() + 120_000).toUTCString();

/** Most of the names are those of the receiver's status. */
const BY_NAME: Record<string, Unnamed> = {
  "400": answering(400),
  "401": answering(401),
  "403": answering(403),
  "404": answering(404),
  "408": answering(408),
  "409": answering(409),
  "413": answering(413),
  "422": answering(422),
  "425": answering(425),
  "429": answering(429, { "retry-after": "90" }),
  "429 until a date": {
    arrives: false,
    answer: () => new Response("", { status: 429, headers: { "retry-after": inTwoMinutes() } }),
  },
  "500": answering(500),
  "503": answering(503, { "retry-after": "30" }),
  "500 after taking it": { arrives: true, answer: () => new Response("", { status: 500 }) },
  redirect: answering(302, { location: "https://elsewhere.example/" }),
  hang: { arrives: false, answer: "hang" },
  "hang after taking it": { arrives: true, answer: "hang" },
  reset: { arrives: false, answer: "reset" },
  "reset after taking it": { arrives: true, answer: "reset" },
};

/** What can become of a call to a receiver, by name. */
export const RECEPTIONS: Record<string, Reception> = {
  "2xx": DELIVERED,
  ...Object.fromEntries(Object.entries(BY_NAME).map(([name, rest]) => [name, { name, ...rest }])),
};
