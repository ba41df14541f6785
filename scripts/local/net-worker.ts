/**
 * The behaviour of pg_net 0.20.4's background worker, for the stand-in of its schema.
 *
 * One worker. A turn is one transaction: take up to a batch from the queue, send it all at once, wait for the slowest, commit.
 * Between turns it pauses for a second, which the first new wake cuts short; when a turn found nothing, it sleeps until
 * the next wake. It never polls. Any database error ends the worker; the next one begins a second later with what was rolled back.
 */
import pg from "pg";
import {
  createTransport,
  type HttpRequest,
  type HttpResult,
  type Transport,
} from "./net-transport.ts";

export interface NetWorkerOptions {
  /** As the superuser, to the database whose queue it serves. */
  url: string;
  batchSize?: number;
  /** Age at which an answer is deleted, as a Postgres interval. */
  ttl?: string;
  /** Bodies above 64 KiB stall as in 0.20.4; false sends them, as 0.20.5 does. */
  stallsLargeBodies?: boolean;
  /** Told of what ended the worker (it begins anew by itself), e.g. a server that is down. */
  onError?: (error: Error) => void;
}

export interface NetWorker {
  /** Resolves when the worker listens for the first time. */
  ready: Promise<void>;
  /** Lets the running batch finish, as a SIGTERM to the original does. */
  stop(): Promise<void>;
  /** Drops the running batch: it is rolled back, and what was sent is sent again by the next worker. */
  kill(): Promise<void>;
}

interface QueueRow {
  id: string;
  method: string;
  url: string;
  timeout_milliseconds: number;
  headers: string[];
  body: Buffer | null;
}

const RESTART_MS = 1_000;
const PAUSE_MS = 1_000;
const LOCK_NOT_AVAILABLE = "55P03";

const DELETE_EXPIRED = `
  with rows as (
    select ctid from net._http_response where created < now() - $1::interval order by created limit $2
  )
  delete from net._http_response r using rows where r.ctid = rows.ctid`;

const TAKE_BATCH = `
  with rows as (select id from net.http_request_queue order by id limit $1)
  delete from net.http_request_queue q using rows where q.id = rows.id
  returning q.id, q.method, q.url, q.timeout_milliseconds, q.body,
    array(select key || ': ' || value from jsonb_each_text(q.headers)) as headers`;

// The original stores an answer's bytes as they came, also where they are not UTF-8. No cast does that.
const RAW_TEXT = `
  create function pg_temp.raw_text(bytea, bytea) returns text language internal immutable strict as 'byteacat'`;

const INSERT_RESPONSE = `
  insert into net._http_response (id, status_code, content, headers, content_type, timed_out, error_msg)
  values ($1, $2, pg_temp.raw_text($3, ''), $4, $5, $6, $7)`;

/** Starts the worker. It survives restarts of the server. */
export function startNetWorker(options: NetWorkerOptions): NetWorker {
  const stopping = new AbortController();
  const killing = new AbortController();
  let announceReady: () => void;
  const ready = new Promise<void>((done) => {
    announceReady = done;
  });

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await live(options, stopping.signal, killing.signal, announceReady);
      } catch (error) {
        if (killing.signal.aborted) return;
        options.onError?.(error as Error);
        await pause(RESTART_MS, stopping.signal);
      }
    }
  }

  const ended = run();
  return {
    ready,
    stop: () => {
      stopping.abort();
      return ended;
    },
    kill: () => {
      stopping.abort();
      killing.abort();
      return ended;
    },
  };
}

/** One life of the worker, from its start to a restart, a stop or an error. */
async function live(
  options: NetWorkerOptions,
  stopping: AbortSignal,
  killing: AbortSignal,
  onReady: () => void,
): Promise<void> {
  const latch = createLatch();
  const state = { shouldWake: true, restart: false };
  const client = new pg.Client({
    connectionString: options.url,
    application_name: "pg_net 0.20.4",
  });
  // Notifications do not reach a session inside its transaction: hence a second one.
  const listener = new pg.Client({
    connectionString: options.url,
    application_name: "pg_net stand-in listener",
  });
  const transport = createTransport({ stallsLargeBodies: options.stallsLargeBodies ?? true });

  let onKill = () => {};
  const lost = new Promise<never>((_, fail) => {
    const give = (error: Error) => {
      fail(error);
      latch.set();
    };
    for (const session of [client, listener]) {
      session.on("error", give);
      session.on("end", () => give(new Error("connection to the database lost")));
    }
    onKill = () => give(new Error("killed"));
  });
  lost.catch(() => undefined);
  stopping.addEventListener("abort", latch.set);
  killing.addEventListener("abort", onKill);

  listener.on("notification", ({ payload }) => {
    if (payload === "restart") state.restart = true;
    else if (state.shouldWake) return;
    state.shouldWake = true;
    latch.set();
  });

  async function work(): Promise<void> {
    await Promise.all([client.connect(), listener.connect()]);
    await listener.query("listen pg_net_wake");
    await client.query(RAW_TEXT);
    onReady();
    while (!stopping.aborted && !state.restart) {
      if (!state.shouldWake) {
        await latch.wait();
        continue;
      }
      state.shouldWake = false;
      for (let worked = true; worked && !stopping.aborted && !state.restart; ) {
        const turn = await takeTurn(client, transport, options);
        if (turn === "locked") break;
        worked = turn === "worked";
        await latch.wait(PAUSE_MS);
      }
    }
  }

  try {
    await Promise.race([work(), lost]);
  } finally {
    stopping.removeEventListener("abort", latch.set);
    killing.removeEventListener("abort", onKill);
    transport.destroy();
    await Promise.allSettled([client.end(), listener.end()]);
  }
}

/** One transaction of the worker. Someone's exclusive lock on its tables, waited for or held, makes it skip the turn. */
async function takeTurn(
  client: pg.Client,
  transport: Transport,
  options: NetWorkerOptions,
): Promise<"worked" | "idle" | "locked"> {
  const batchSize = options.batchSize ?? 200;
  await client.query("begin");
  try {
    await client.query(
      "lock table net.http_request_queue, net._http_response in access share mode nowait",
    );
  } catch (error) {
    await client.query("rollback");
    if ((error as pg.DatabaseError).code === LOCK_NOT_AVAILABLE) return "locked";
    throw error;
  }
  const expired = await client.query(DELETE_EXPIRED, [options.ttl ?? "6 hours", batchSize]);
  const batch = await client.query<QueueRow>({
    name: "take_batch",
    text: TAKE_BATCH,
    values: [batchSize],
  });
  let written: Promise<unknown> = Promise.resolve();
  await Promise.all(
    batch.rows.map(async (row) => {
      const values = toResponseValues(row.id, await transport.send(toRequest(row)));
      written = written.then(() =>
        client.query({ name: "insert_response", text: INSERT_RESPONSE, values }),
      );
      await written;
    }),
  );
  await client.query("commit");
  return batch.rows.length > 0 || (expired.rowCount ?? 0) > 0 ? "worked" : "idle";
}

function toRequest(row: QueueRow): HttpRequest {
  return {
    method: row.method.toUpperCase(),
    url: row.url,
    headers: row.headers.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
    body: upToNul(row.body),
    timeoutMs: row.timeout_milliseconds,
  };
}

function toResponseValues(id: string, result: HttpResult): unknown[] {
  if ("error" in result) return [id, null, null, null, null, result.timedOut, result.error];
  const content = upToNul(result.body);
  const headers = JSON.stringify(result.headers);
  return [
    id,
    result.status,
    content?.length ? content : null,
    headers,
    result.contentType,
    false,
    null,
  ];
}

/** The original handles bodies as C strings. */
function upToNul(bytes: Buffer | null): Buffer | null {
  const nul = bytes?.indexOf(0) ?? -1;
  return bytes && nul >= 0 ? bytes.subarray(0, nul) : bytes;
}

interface Latch {
  set(): void;
  /** Resolves when the latch is set, at once if it was set already, or after the time given; the latch is unset then. */
  wait(timeoutMs?: number): Promise<void>;
}

function createLatch(): Latch {
  let isSet = false;
  let release: (() => void) | undefined;
  return {
    set() {
      isSet = true;
      release?.();
    },
    async wait(timeoutMs) {
      if (!isSet) {
        await new Promise<void>((done) => {
          const timer = timeoutMs === undefined ? undefined : setTimeout(done, timeoutMs);
          release = () => {
            clearTimeout(timer);
            done();
          };
        });
        release = undefined;
      }
      isSet = false;
    },
  };
}

async function pause(ms: number, stopping: AbortSignal): Promise<void> {
  const latch = createLatch();
  stopping.addEventListener("abort", latch.set, { once: true });
  await latch.wait(ms);
  stopping.removeEventListener("abort", latch.set);
}
