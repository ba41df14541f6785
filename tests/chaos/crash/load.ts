/**
 * Several writers that commit transaction after transaction and note what the server committed.
 * One whose server dies comes back, asks what became of its last transaction, and repeats it if it was rolled back.
 */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { STATES, type Transaction, transactionsOf } from "./transactions.ts";

export interface LoadOptions {
  url: string;
  /** New rows in all; a little more, because a transaction is not cut. */
  rows: number;
  writers?: number;
}

export interface Load {
  /** Commits that the server acknowledged, or confirmed when asked; their new rows, and the state in which they left each row. */
  committed: { commits: number; rows: number; states: Map<string, string> };
  /** Commits that got no answer, and what the server said later. */
  unanswered: { committed: number; rolledBack: number };
  /** Transactions that broke off before their commit. */
  interrupted: number;
  done: Promise<void>;
}

type Ending = "committed" | "rolled back" | "broken off";

const WRITERS = 8;
/** Between two transactions of a writer: the load shall last for some ticks. */
const PAUSE_MS = 60;

export function startLoad({ url, rows, writers = WRITERS }: LoadOptions): Load {
  const load: Load = {
    committed: { commits: 0, rows: 0, states: new Map() },
    unanswered: { committed: 0, rolledBack: 0 },
    interrupted: 0,
    done: Promise.resolve(),
  };
  let planned = 0;

  async function write(writer: number): Promise<void> {
    let client = await connected(url);
    for (const transaction of transactionsOf(writer)) {
      if (planned >= rows) break;
      planned += transaction.rowCount;
      for (let ending: Ending = "broken off"; ending !== "committed"; ) {
        const attempt = { isAsked: false };
        try {
          await commit(client, transaction, attempt);
          ending = "committed";
        } catch (error) {
          requireLostConnection(error);
          await client.end().catch(() => undefined);
          client = await connected(url);
          ending = attempt.isAsked ? await endingOf(client, transaction) : "broken off";
          count(load, ending);
        }
      }
      note(load, transaction);
      await sleep(PAUSE_MS);
    }
    await client.end();
  }

  load.done = Promise.all(Array.from({ length: writers }, (_, writer) => write(writer))).then(
    () => undefined,
  );
  load.done.catch(() => undefined);
  return load;
}

async function commit(
  client: pg.Client,
  { statements }: Transaction,
  attempt: { isAsked: boolean },
): Promise<void> {
  await client.query("begin");
  for (const statement of statements) await client.query(statement);
  attempt.isAsked = true;
  await client.query("commit");
}

/** By its rows: after a crash the server gives the ids of transactions that left no trace to others. */
async function endingOf(client: pg.Client, { states }: Transaction): Promise<Ending> {
  const { rows } = await client.query<{ id: string; state: string }>(
    `select id, state from (${STATES}) as rows where id = any ($1)`,
    [[...states.keys()]],
  );
  const isThere =
    rows.length === states.size && rows.every(({ id, state }) => states.get(id) === state);
  return isThere ? "committed" : "rolled back";
}

function count(load: Load, ending: Ending): void {
  if (ending === "committed") load.unanswered.committed += 1;
  else if (ending === "rolled back") load.unanswered.rolledBack += 1;
  else load.interrupted += 1;
}

function note({ committed }: Load, { rowCount, states }: Transaction): void {
  committed.commits += 1;
  committed.rows += rowCount;
  for (const [id, state] of states) committed.states.set(id, state);
}

/** The application must notice nothing of ours: only a server that is gone may fail a write. */
function requireLostConnection(error: unknown): void {
  const { code, message } = error as NodeJS.ErrnoException;
  const isLost =
    ["57P01", "57P02", "57P03", "ECONNRESET", "ECONNREFUSED", "EPIPE"].includes(code ?? "") ||
    /^(Connection terminated|Client has encountered a connection error)/.test(message);
  if (!isLost) throw error;
}

async function connected(url: string): Promise<pg.Client> {
  for (const deadline = Date.now() + 120_000; ; await sleep(50)) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      if (Date.now() > deadline) throw error;
    }
  }
}
