/** What a measure works with: the server, the contenders on it, the receiver that all of them call, and turns. */
import pg from "pg";
import { openClosers } from "../../scripts/local/closers.ts";
import type { Contender, ContenderName, Site } from "./contenders/contender.ts";
import { type CrmSync, installCrmSync } from "./contenders/crm-sync.ts";
import { type GraphileWorker, installGraphileWorker } from "./contenders/graphile-worker.ts";
import { installPlain } from "./contenders/plain.ts";
import { installStockWebhook } from "./contenders/stock-webhook.ts";
import type { Plan } from "./plan.ts";
import { type Child, startChild } from "./processes/child.ts";
import { useGivenServer } from "./servers/given.ts";
import { startOwnServer } from "./servers/own.ts";
import { type BenchServer, factsOf, type ServerFacts } from "./servers/server.ts";

export const RECEIVER_LATENCY_MS = 20;

export interface Bench {
  plan: Plan;
  server: BenchServer;
  facts: ServerFacts;
  db: pg.Pool;
  receiver: Receiver;
  contenders: Contender[];
  graphileWorker: GraphileWorker;
  crmSync: CrmSync;
  signal: AbortSignal;
  /** A line for people about what is going on. */
  say(line: string): void;
  stop(): Promise<void>;
}

export interface Receiver {
  /** Distinct rows. */
  count(): Promise<number>;
  calls(): Promise<number>;
  /** When each row arrived first, by `now()`. */
  receipts(): Promise<Map<string, number>>;
  reset(): Promise<void>;
}

export interface BenchOptions {
  plan: Plan;
  /** Null: our own server. */
  givenUrl: string | null;
  chosen: ContenderName[];
  signal: AbortSignal;
  say(line: string): void;
}

export async function startBench(options: BenchOptions): Promise<Bench> {
  const closers = openClosers();
  try {
    const server = options.givenUrl
      ? await useGivenServer(options.givenUrl)
      : await startOwnServer();
    closers.add("server", server.stop);
    const db = new pg.Pool({ connectionString: server.url, max: 4 });
    db.on("error", () => undefined);
    closers.add("pool", () => db.end());
    const child = await startChild(new URL("./processes/receiver.ts", import.meta.url), {
      latencyMs: RECEIVER_LATENCY_MS,
    });
    closers.add("receiver", child.stop);
    const site = { server, db, receiverUrl: `http://127.0.0.1:${child.ready}` };
    const installed = await install(site, (contender) =>
      closers.add(contender.name, contender.remove),
    );
    return {
      ...options,
      ...installed,
      contenders: installed.all.filter(({ name }) => options.chosen.includes(name)),
      server,
      facts: await factsOf(db),
      db,
      receiver: receiverOf(child),
      stop: closers.closeAll,
    };
  } catch (error) {
    await closers.closeAll().catch(() => undefined);
    throw error;
  }
}

async function install(site: Site, onInstalled: (contender: Contender) => void) {
  const plain = await installPlain(site);
  onInstalled(plain);
  const stockWebhook = await installStockWebhook(site);
  onInstalled(stockWebhook);
  const graphileWorker = await installGraphileWorker(site);
  onInstalled(graphileWorker);
  const crmSync = await installCrmSync(site);
  onInstalled(crmSync);
  return { graphileWorker, crmSync, all: [plain, stockWebhook, graphileWorker, crmSync] };
}

function receiverOf(child: Child): Receiver {
  return {
    count: () => child.ask("count") as Promise<number>,
    calls: () => child.ask("calls") as Promise<number>,
    receipts: async () => new Map((await child.ask("receipts")) as [string, number][]),
    reset: async () => void (await child.ask("reset")),
  };
}

/** Runs the contender for as long as the work takes, and leaves nothing of it behind. */
export async function running<T>(
  { receiver, signal }: Bench,
  contender: Contender,
  work: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  await contender.start();
  try {
    return await work();
  } finally {
    await contender.stop();
    await receiver.reset();
  }
}

/** Round after round each contender in turn, each round beginning with another one; nothing runs but what the work starts. */
export async function eachTurn(
  { plan }: Bench,
  contenders: readonly Contender[],
  work: (contender: Contender) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < plan.rounds; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1)
      await work(contenders[(turn + round) % contenders.length] as Contender);
  }
}

/** The same, the contender running. */
export async function inTurn(
  bench: Bench,
  contenders: readonly Contender[],
  work: (contender: Contender) => Promise<void>,
): Promise<void> {
  await eachTurn(bench, contenders, (contender) =>
    running(bench, contender, () => work(contender)),
  );
}
