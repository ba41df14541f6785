/**
 * Everything together on this machine: Postgres, the platform, our migrations, the receivers, the Edge Function,
 * and what sends and ticks. Started in this order, stopped in reverse; the data stays.
 */
import { createServer } from "node:net";
import pg from "pg";
import type { EnvName } from "../../supabase/functions/crm-sync/runtime.ts";
import { isLoopback } from "../loopback.ts";
import { pushMigrations } from "../supabase-cli.ts";
import { type Closers, openClosers } from "./closers.ts";
import { type CronRunner, startCronRunner } from "./cron-runner.ts";
import {
  claimDataDir,
  emptyDataDir,
  noteRunning,
  postgresDir,
  readKept,
  releaseDataDir,
  writeKept,
} from "./data-dir.ts";
import { endWithUs } from "./end-with-us.ts";
import { type FunctionServer, startFunction } from "./function-server.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { requireExtensions, requireNobodysDeliveries, requireReach } from "./given-server.ts";
import { changedSince, installInto, migrationHashes } from "./install.ts";
import { stopLeftoverServer } from "./leftover.ts";
import { type NetWorker, startNetWorker } from "./net-worker.ts";
import { installPlatform } from "./platform.ts";
import { type RunningPostgres, startPostgres } from "./postgres.ts";
import { type Receiver, startReceiver } from "./receiver/index.ts";
import { writeVault } from "./vault.ts";

export type StackPort = "postgres" | "gateway" | "function" | "receiver";

export type FunctionEnv = Partial<Record<EnvName, string>>;

export interface StackOptions {
  dataDir: string;
  /** Deletes the data of earlier starts first. */
  fresh?: boolean;
  /** A server of the caller's own, with its own pg_net, pg_cron and Vault; it is neither started nor stopped. */
  databaseUrl?: string;
  /** The function's variables for the real receivers, given only after a person agreed. Without it: the stand-in. */
  live?: FunctionEnv;
  /** Free ones where absent. */
  ports?: Partial<Record<StackPort, number>>;
  /** Under which name the database reaches this machine; the function then listens to others, too. Default 127.0.0.1. */
  functionHost?: string;
  /** Does without fsync: for data that may be lost. */
  fast?: boolean;
  /** Ends a start that is under way. */
  signal?: AbortSignal;
  onProgress?: (step: string) => void;
}

export interface Stack {
  /** As `postgres`, who is no superuser; with DATABASE_URL, that. */
  databaseUrl: string;
  /** Of our own server only. */
  postgres: RunningPostgres | null;
  netWorker: NetWorker | null;
  cronRunner: CronRunner | null;
  /** Null when the real receivers are called. */
  receiver: Receiver | null;
  functionServer: FunctionServer;
  functionUrl: string;
  gateway: Gateway;
  signingSecret: string;
  /** What a person should be told. */
  notes: string[];
  /** Ends everything in reverse and leaves the data in place. Repeatable. */
  stop(): Promise<void>;
}

/**
 * Starts what is needed on a data directory, which is then this process's alone. A second start picks the data up.
 * Throws with the mend when a port is taken, another start runs on the directory, or the given server lacks something;
 * whatever had been started is stopped by then.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const closers = openClosers();
  try {
    return await start(options, closers);
  } catch (error) {
    await closers.closeAll().catch(() => undefined);
    throw error;
  }
}

async function start(options: StackOptions, closers: Closers): Promise<Stack> {
  const { dataDir, databaseUrl: givenUrl, ports = {} } = options;
  const notes: string[] = [];
  const step = (name: string) => {
    options.signal?.throwIfAborted();
    options.onProgress?.(name);
  };
  if (givenUrl && options.fresh) {
    throw new Error(
      "a server given by DATABASE_URL is not ours to empty: leave out --fresh, or DATABASE_URL",
    );
  }
  for (const [part, port] of Object.entries(ports)) await requireFreePort(part, port);
  claimDataDir(dataDir);
  closers.add("data directory", () => releaseDataDir(dataDir));

  step(givenUrl ? "Database" : "Postgres");
  const postgres = givenUrl ? null : await startOwnServer(options, closers, notes);
  const databaseUrl = givenUrl ?? asPostgres((postgres as RunningPostgres).url);
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on("error", () => undefined);
  await client.connect().catch((cause: Error) => {
    throw new Error(`${new URL(databaseUrl).host} does not answer: ${cause.message}`, { cause });
  });
  closers.add("session", () => client.end());

  step("Migrations");
  const kept = readKept(dataDir);
  if (postgres) {
    await pushMigrations(databaseUrl);
    for (const file of changedSince(kept.migrations)) {
      notes.push(`${file} has changed since it was applied here: --fresh builds the database anew`);
    }
    writeKept(dataDir, { ...kept, migrations: { ...migrationHashes(), ...kept.migrations } });
  } else {
    await requireExtensions(client);
    await requireNobodysDeliveries(client);
    notes.push(...(await installInto(databaseUrl, client)));
  }

  step("Receivers");
  const receiver = options.live ? null : await startReceiver(portOf(ports.receiver));
  if (receiver) closers.add("receiver", receiver.stop);

  step("Edge Function");
  const functionServer = await startFunction({
    ...portOf(ports.function),
    isOpen: !isLoopback(options.functionHost ?? "localhost"),
    env: {
      ...(receiver ? envOf(receiver) : options.live),
      CRM_SYNC_SIGNING_SECRET: kept.signingSecret,
    },
  });
  closers.add("function", functionServer.stop);
  closers.add("watcher", endWithUs(functionServer.pid));
  const functionUrl = new URL(functionServer.url);
  functionUrl.hostname = options.functionHost ?? functionUrl.hostname;
  if (!postgres) await requireReach(client, functionUrl.href);
  const putBack = await writeVault(client, {
    crm_sync_function_url: functionUrl.href,
    crm_sync_signing_secret: kept.signingSecret,
  });
  let hasStarted = false;
  closers.add("Vault", () => (hasStarted ? undefined : putBack()));

  step("Delivery");
  const netWorker = postgres && startNetWorker({ url: postgres.url });
  if (netWorker) closers.add("net worker", netWorker.stop);
  const cronRunner = postgres && startCronRunner({ url: postgres.url });
  if (cronRunner) closers.add("cron runner", cronRunner.stop);
  await Promise.all([netWorker?.ready, cronRunner?.ready]);

  step("Data API");
  const gateway = await startGateway({ databaseUrl, ...portOf(ports.gateway) });
  closers.add("gateway", gateway.stop);

  await client.query("select crm_sync.start()");
  // Nothing leaves any more, and what waits in pg_net's queue comes back into the ledger.
  closers.add("deliveries", () => client.query("select crm_sync.stop()"));
  noteRunning(dataDir, {
    databaseUrl: givenUrl ? null : databaseUrl,
    functionUrl: functionUrl.href,
    receiverUrl: receiver?.url ?? null,
    gatewayUrl: gateway.url,
  });
  options.signal?.throwIfAborted();

  hasStarted = true;
  return {
    databaseUrl,
    postgres,
    netWorker,
    cronRunner,
    receiver,
    functionServer,
    functionUrl: functionUrl.href,
    gateway,
    signingSecret: kept.signingSecret,
    notes,
    stop: closers.closeAll,
  };
}

/** The function's variables for the stand-in of both receivers. */
export function envOf(receiver: Receiver): FunctionEnv {
  return {
    MONELEC_API_URL: receiver.monelecUrl,
    MONELEC_API_KEY: receiver.apiKey,
    ELEMENTOR_WEBHOOK_URL: receiver.elementorUrl,
    CRM_SYNC_ALERT_URL: receiver.alertUrl,
    CRM_SYNC_HEARTBEAT_URL: receiver.heartbeatUrl,
  };
}

async function startOwnServer(
  { dataDir, fresh, fast, ports }: StackOptions,
  closers: Closers,
  notes: string[],
): Promise<RunningPostgres> {
  const before = readKept(dataDir);
  if (await stopLeftoverServer(before.postgresDir ?? postgresDir(dataDir))) {
    notes.push("a server that an earlier start had left running was stopped first");
  }
  if (fresh) emptyDataDir(dataDir);
  const kept = readKept(dataDir);
  const postgres = await startPostgres({
    dataDir: postgresDir(dataDir),
    fast: fast ?? false,
    ...portOf(ports?.postgres),
  });
  closers.add("postgres", () => postgres.stop());
  notes.push(...postgres.notes);
  if (postgres.dataDir !== postgresDir(dataDir)) {
    writeKept(dataDir, { ...kept, postgresDir: postgres.dataDir });
  }
  await installPlatform(postgres.url);
  return postgres;
}

/** The same server and database as the hosted project's owner. */
export function asPostgres(superuserUrl: string): string {
  const url = new URL(superuserUrl);
  url.username = "postgres";
  return url.href;
}

function portOf(port: number | undefined): { port?: number } {
  return port === undefined ? {} : { port };
}

async function requireFreePort(part: string, port: number): Promise<void> {
  const probe = createServer();
  await new Promise<void>((done, fail) => {
    probe.once("error", ({ code }: NodeJS.ErrnoException) => {
      const reason = code === "EADDRINUSE" ? "is taken" : `is not to be had (${code})`;
      fail(
        new Error(`port ${port} ${reason}: choose another with --${part}-port, or leave it out`),
      );
    });
    probe.listen(port, "127.0.0.1", () => probe.close(() => done()));
  });
}
