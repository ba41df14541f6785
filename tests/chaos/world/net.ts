/** The test playing pg_net: a batch is one transaction, in which requests leave the queue and answers come in. */
import type pg from "pg";
import { createSigner } from "../../../supabase/functions/crm-sync/signature.ts";
import { runFunction } from "./function.ts";
import { SIGNING_SECRET } from "./install.ts";
import type { Receivers } from "./receivers.ts";

/** What becomes of a request on its way to the function and back. */
export type Fate =
  | "answered"
  | "timed out"
  | "never reached"
  | "function killed"
  | "half an answer"
  | "deliveries left out"
  | "garbage"
  | "unsigned 200"
  | `hop ${number}`;

export interface Net {
  /** Takes up to `count` requests and keeps their batch open until `finish` or `crash`. */
  take(count: number): Promise<number>;
  /** Calls the function for each request taken, with these fates in turn, and ends the batch, when `before` has ended. */
  finish(fates: Fate[], before?: () => Promise<void>): Promise<void>;
  isBusy(): boolean;
  /** Empties queue and answers; ids start again at 1. What was being sent may have arrived. */
  crash(arrived: boolean): Promise<void>;
  /** Answers older than their time to live go, read or not. */
  purgeAnswers(): Promise<void>;
  /** Somebody writes answers into pg_net's table; returns whether there was anything to forge. */
  forge(kind: Forgery): Promise<boolean>;
}

export type Forgery =
  | "unsigned"
  | "signed by another"
  | "answer of another"
  | "hostile JSON"
  | "replayed";

interface Request {
  id: string;
  headers: Record<string, string>;
  body: string;
  age_ms: number;
}

export interface Answer {
  status: number | null;
  headers: Record<string, string>;
  content: string | null;
  timedOut?: boolean;
  error?: string;
}

const TAKE = `
  with taken as (
    delete from net.http_request_queue
    where id in (select id from net.http_request_queue order by id limit $1)
    returning id, headers, convert_from(body, 'UTF8') as body
  )
  select taken.*, coalesce(extract(epoch from clock_timestamp() - envelopes.dispatched_at) * 1000, 0)::float8 as age_ms
  from taken
  left join crm_sync.envelopes on envelopes.envelope_id::text = taken.headers ->> 'webhook-id'
  order by taken.id`;

const IN_FLIGHT = `
  select envelopes.envelope_id, envelopes.request_id, array_agg(deliveries.delivery_id) as ids
  from crm_sync.envelopes join crm_sync.deliveries using (envelope_id)
  where envelopes.status = 'in_flight'
  group by envelopes.envelope_id`;

const ANSWER = `
  insert into net._http_response (id, status_code, content_type, headers, content, timed_out, error_msg)
  values ($1, $2, 'application/json', $3, $4, $5, $6)`;

/** The function behind the fates, and what it ever signed. */
export function createAnswerer(receivers: Receivers) {
  const signed: Answer[] = [];
  return {
    signed,
    async answerTo(request: Omit<Request, "id">, fate: Fate): Promise<Answer> {
      if (fate === "never reached") return failed("Couldn't connect to server");
      if (fate.startsWith("hop ")) return hopAnswer(Number(fate.slice(4)));
      const callsAtMost = fate === "function killed" ? 1 : undefined;
      const input = { headers: request.headers, body: request.body, ageMs: request.age_ms };
      const answered = await runFunction(input, receivers, callsAtMost);
      if (answered === "killed") return failed("Empty reply from server");
      if (answered.headers["webhook-id"]) signed.push(answered);
      return distort(answered, fate);
    },
  };
}

/** What anybody can do to pg_net's answers, on the real one as on a simulated one. */
export function createMeddler(client: pg.Client, signed: Answer[]) {
  return {
    purgeAnswers: async () => {
      await client.query("delete from net._http_response");
    },
    forge: async (kind: Forgery) => {
      const { rows } = await client.query<{
        envelope_id: string;
        request_id: string;
        ids: string[];
      }>(IN_FLIGHT);
      const replayed = signed.at(-1);
      if (rows.length === 0 || (kind === "replayed" && !replayed)) return false;
      // Signed by us is only what we signed: the answer to one envelope, put in the place of another's.
      const other = rows.at(-1)?.envelope_id ?? "";
      const targets = rows.filter(
        (row) => kind !== "answer of another" || row.envelope_id !== other,
      );
      for (const { envelope_id, request_id, ids } of targets) {
        const answer =
          kind === "replayed" && replayed ? replayed : forgedAnswer(kind, envelope_id, ids, other);
        await insertAnswer(client, request_id, answer);
      }
      return targets.length > 0;
    },
  };
}

/** `client` is the worker's own session, as the superuser; `onFate` is told what becomes of each request. */
export function simulateNet(
  client: pg.Client,
  receivers: Receivers,
  onFate: (fate: Fate) => void = () => {},
): Net {
  let batch: Request[] | null = null;
  const { answerTo, signed } = createAnswerer(receivers);
  return {
    ...createMeddler(client, signed),
    isBusy: () => batch !== null,
    take: async (count) => {
      await client.query("begin");
      batch = (await client.query<Request>(TAKE, [count])).rows;
      return batch.length;
    },
    finish: async (fates, before) => {
      const requests = batch ?? [];
      for (const [position, request] of requests.entries()) {
        const fate = fates[position % fates.length] ?? "answered";
        onFate(fate);
        await insertAnswer(client, request.id, await answerTo(request, fate));
      }
      await before?.();
      await client.query("commit");
      batch = null;
    },
    crash: async (arrived) => {
      for (const request of arrived ? (batch ?? []) : []) await answerTo(request, "answered");
      if (batch) await client.query("rollback");
      batch = null;
      await client.query("truncate net.http_request_queue, net._http_response restart identity");
    },
  };
}

async function insertAnswer(client: pg.Client, id: string, answer: Answer): Promise<void> {
  const { status, headers, content, timedOut, error } = answer;
  const values = [id, status, JSON.stringify(headers), content, timedOut ?? null, error ?? null];
  await client.query(ANSWER, values);
}

function failed(error: string): Answer {
  return { status: null, headers: {}, content: null, error };
}

/** The gateway, the runtime or a proxy answers in the function's stead. */
function hopAnswer(status: number): Answer {
  return { status, headers: { "content-type": "text/html" }, content: "<html>sorry</html>" };
}

function distort(answered: Answer, fate: Fate): Answer {
  const content = answered.content ?? "";
  switch (fate) {
    case "timed out":
      return { ...failed("Timeout of 20000 ms reached"), timedOut: true };
    case "half an answer":
      return { ...answered, content: content.slice(0, content.length / 2) };
    case "garbage":
      return { ...answered, content: `\u0001${"[".repeat(50_000)}` };
    case "unsigned 200":
      return { status: 200, headers: {}, content };
    case "deliveries left out":
      return leaveOut(answered);
    default:
      return answered;
  }
}

/** The first half of the results, properly signed. */
function leaveOut(answered: Answer): Answer {
  const { envelope_id, results } = JSON.parse(answered.content ?? "{}");
  if (!Array.isArray(results)) return answered;
  const content = JSON.stringify({ envelope_id, results: results.slice(0, results.length / 2) });
  return { ...answered, content, headers: sign(envelope_id, content, SIGNING_SECRET) };
}

const STRANGERS_SECRET = `whsec_${Buffer.from("the obviously fake secret of a stranger").toString("base64")}`;

function forgedAnswer(kind: Forgery, envelopeId: string, ids: string[], other: string): Answer {
  const claimedId = kind === "answer of another" ? other : envelopeId;
  const results = ids.map((id) => ({ delivery_id: Number(id), outcome: "delivered", status: 200 }));
  const content =
    kind === "hostile JSON"
      ? `{"envelope_id":"${envelopeId}","results":[{"delivery_id":"\\u0000"}]}`
      : JSON.stringify({ envelope_id: claimedId, results });
  const secret = kind === "signed by another" ? STRANGERS_SECRET : null;
  const signed = kind === "answer of another" || kind === "hostile JSON" ? SIGNING_SECRET : secret;
  // An answer of ours about another envelope, or one that says nothing usable, carries a true signature.
  const headers = signed ? sign(claimedId, content, signed) : { "webhook-id": envelopeId };
  return { status: 200, headers, content };
}

function sign(id: string, content: string, secret: string): Record<string, string> {
  return createSigner(secret)?.sign(id, content, Date.now()) ?? {};
}
