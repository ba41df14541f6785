/** `npm start`: the whole system on this machine, until Ctrl-C. */
import { resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { InvalidArgumentError, program } from "commander";
import pg from "pg";
import pc from "picocolors";
import { DEFAULT_DATA_DIR, LIVE_DATA_DIR } from "./local/data-dir.ts";
import { placeOf, requireExtensions, requireNobodysDeliveries } from "./local/given-server.ts";
import { followSettled, type Settled } from "./local/settled.ts";
import { type FunctionEnv, type Stack, startStack } from "./local/stack.ts";
import { showProgress } from "./terminal/progress.ts";
import { stopSignal } from "./terminal/stop-signal.ts";
import { formatLine } from "./terminal/table.ts";
import { withClient } from "./with-client.ts";

interface Options {
  fresh?: true;
  live?: true;
  yes?: true;
  postgresPort?: number;
  gatewayPort?: number;
  functionPort?: number;
  receiverPort?: number;
  functionHost?: string;
  dataDir?: string;
}

const LIVE_NAMES = [
  "MONELEC_API_URL",
  "MONELEC_API_KEY",
  "ELEMENTOR_WEBHOOK_URL",
  "SITE_URL",
  "CRM_SYNC_ALERT_URL",
  "CRM_SYNC_HEARTBEAT_URL",
] as const;
const MONELEC_DEFAULT = "https://monelec.net/api/external";

const COLUMNS = ["time", "route", "row", "status", "attempts", "receiver", "ms", "error"];
const WIDTHS = [8, 18, 18, 10, 8, 8, 5];

function readOptions(): Options {
  return program
    .name("npm start --")
    .description(
      "Starts Postgres, the Edge Function and stand-ins for the receivers on this machine, and shows each delivery. " +
        "Data stays in .crm-sync/. With DATABASE_URL: uses that server with its own pg_net, pg_cron and Vault.",
    )
    .option("--fresh", "delete the data of earlier starts first")
    .option(
      "--live",
      "call the real receivers, after asking; their keys are taken from the environment",
    )
    .option(
      "--yes",
      "do not ask whether the database at DATABASE_URL may be used; --live still asks",
    )
    .option("--postgres-port <port>", "default: any free one", toPort)
    .option("--gateway-port <port>", "of the data API; default: any free one", toPort)
    .option("--function-port <port>", "default: any free one", toPort)
    .option("--receiver-port <port>", "default: any free one", toPort)
    .option(
      "--function-host <name>",
      "name of this machine as DATABASE_URL's server knows it: for a container host.docker.internal; " +
        "the function then listens on every interface",
      toHost,
    )
    .option("--data-dir <path>", "default: .crm-sync in the repository, with --live .crm-sync/live")
    .parse()
    .opts<Options>();
}

function toPort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new InvalidArgumentError("a port is a number from 1 to 65535");
}

function toHost(text: string): string {
  const url = URL.canParse(`http://${text}/`) ? new URL(`http://${text}/`) : null;
  if (url?.hostname === text.toLowerCase()) return url.hostname;
  throw new InvalidArgumentError("a name or an address of this machine, without port");
}

/** Names the hosts, never a URL (one of them is a secret), and asks. Throws unless a person at a terminal agrees. */
async function askForLive(): Promise<FunctionEnv> {
  const env: FunctionEnv = {};
  for (const name of LIVE_NAMES) {
    const value = process.env[name];
    if (value) env[name] = value;
  }
  const hosts = [env.MONELEC_API_URL ?? MONELEC_DEFAULT, env.ELEMENTOR_WEBHOOK_URL ?? "(none)"].map(
    (url) => (URL.canParse(url) ? new URL(url).host : url),
  );
  const missing = (["MONELEC_API_KEY", "ELEMENTOR_WEBHOOK_URL"] as const).filter(
    (name) => !env[name],
  );
  console.log(`${pc.bold("--live")} sends to the real receivers:`);
  console.log(`  monelec    ${hosts[0]}`);
  console.log(`  elementor  ${hosts[1]}`);
  for (const name of missing) console.log(`  ${name} is not set: these deliveries will wait`);
  await agree(
    "Rows written to this stack will reach them.",
    "--live asks a person first, and there is no terminal here: nothing was started",
  );
  return env;
}

/** Throws where a start would send somebody's deliveries; of a server that is not on this machine a person has to agree. */
async function askForDatabase(url: string, yes: boolean): Promise<void> {
  const { host, database, isLocal } = placeOf(url);
  if (isLocal) return;
  await withClient(url, async (client) => {
    await requireExtensions(client);
    await requireNobodysDeliveries(client);
  });
  if (yes) return;
  console.log(`${pc.bold("DATABASE_URL")} names database ${database} on ${host}. npm start`);
  console.log("  applies the migrations that it lacks,");
  console.log("  writes into its Vault where deliveries go: to this machine,");
  console.log("  and lets it deliver while this runs");
  await agree(
    "No other system may depend on it.",
    `a server elsewhere (${host}) is asked for first, and there is no terminal here: nothing was started. --yes agrees, an empty DATABASE_URL starts a server of its own`,
  );
}

async function agree(what: string, withoutTerminal: string): Promise<void> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) throw new Error(withoutTerminal);
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(`${what} Type yes to go on: `);
  terminal.close();
  if (answer.trim().toLowerCase() !== "yes") throw new Error("not confirmed: nothing was started");
}

function introduce(stack: Stack): void {
  const { databaseUrl, gateway, functionUrl, receiver, notes } = stack;
  const line = (name: string, value: string) =>
    console.log(`  ${pc.bold(name.padEnd(12))}${value}`);
  console.log();
  line("Postgres", withoutPassword(databaseUrl));
  line("data API", gateway.url);
  line("  anon", gateway.anonKey);
  line("  service", gateway.serviceRoleKey);
  line("function", functionUrl);
  line("receiver", receiver ? receiver.url : pc.red("the real ones"));
  if (receiver) {
    line("  control", `${receiver.url}/__control/calls, …/effects, …/violations, …/alerts`);
    line(
      "  to fail",
      `curl ${receiver.url}/__control/respond-with -d '{"path":"/leads","status":503,"times":2}'`,
    );
  }
  line(
    "SQL",
    `npm run sql -- "insert into leads (email, full_name) values ('zoe@example.test', 'Zoé Martin')"`,
  );
  line(
    "",
    'npm run sql -- "select * from crm_sync.delivery_log order by delivery_id desc limit 10"',
  );
  for (const note of notes) console.log(`  ${pc.yellow("note")} ${note}`);
  console.log(`\n  ${pc.dim("Ctrl-C stops everything and keeps the data.")}\n`);
}

function withoutPassword(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  if (url.password) url.password = "***";
  return url.href;
}

/** The receiver's milliseconds stand in the function's log, one line for each attempt. */
function takeMilliseconds(output: string[], known: Map<string, number>): void {
  for (const line of output.splice(0)) {
    try {
      const { delivery_id, attempt, ms } = JSON.parse(line);
      if (delivery_id !== undefined) known.set(`${delivery_id} ${attempt}`, ms);
    } catch {
      console.log(pc.dim(`function: ${line}`));
    }
  }
}

function show(settled: Settled, ms: number | undefined): void {
  const { settledAt, route, tableName, rowId, status, attempt, receiverStatus } = settled;
  const colour = { delivered: pc.green, dead: pc.red, pending: pc.yellow }[status] ?? pc.dim;
  const text = formatLine(
    [
      settledAt.toTimeString().slice(0, 8),
      route,
      `${tableName.replace(/^public\./, "")} ${rowId.slice(0, 8)}`,
      status,
      String(attempt),
      receiverStatus === null ? "-" : String(receiverStatus),
      ms === undefined ? "-" : String(Math.round(ms)),
      [settled.errorCode, settled.error].filter(Boolean).join(": "),
    ],
    WIDTHS,
  );
  console.log(colour(text));
}

async function follow(stack: Stack, signal: AbortSignal): Promise<void> {
  console.log(pc.bold(formatLine(COLUMNS, WIDTHS)));
  const milliseconds = new Map<string, number>();
  const client = new pg.Client({ connectionString: stack.databaseUrl });
  client.on("error", () => undefined);
  await client.connect();
  try {
    await followSettled(client, signal, (settled) => {
      takeMilliseconds(stack.functionServer.output, milliseconds);
      const attempt = `${settled.deliveryId} ${settled.attempt}`;
      show(settled, milliseconds.get(attempt));
      milliseconds.delete(attempt);
    });
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function main(): Promise<void> {
  const options = readOptions();
  const databaseUrl = process.env.DATABASE_URL;
  if (databaseUrl) await askForDatabase(databaseUrl, options.yes ?? false);
  const live = options.live ? await askForLive() : undefined;
  const dataDir = resolve(options.dataDir ?? (live ? LIVE_DATA_DIR : DEFAULT_DATA_DIR));

  const signal = stopSignal();
  const progress = showProgress();
  let stack: Stack;
  try {
    const { postgresPort, gatewayPort, functionPort, receiverPort } = options;
    const ports = {
      ...(postgresPort && { postgres: postgresPort }),
      ...(gatewayPort && { gateway: gatewayPort }),
      ...(functionPort && { function: functionPort }),
      ...(receiverPort && { receiver: receiverPort }),
    };
    stack = await startStack({
      dataDir,
      ports,
      fresh: options.fresh ?? false,
      signal,
      onProgress: progress.step,
      ...(databaseUrl && { databaseUrl }),
      ...(live && { live }),
      ...(options.functionHost && { functionHost: options.functionHost }),
    });
    progress.done();
  } catch (error) {
    progress.failed();
    throw error;
  }
  try {
    introduce(stack);
    await follow(stack, signal);
  } finally {
    console.log("\nstopping …");
    await stack.stop();
    console.log(
      databaseUrl
        ? "stopped: nothing of this is running any more; the server at DATABASE_URL keeps its data, deliveries wait"
        : `stopped: nothing is running any more; the data stays in ${stack.postgres?.dataDir}, npm start goes on with it`,
    );
  }
}

await main().catch((error: Error) => {
  console.error(pc.red(error.message));
  process.exitCode = 1;
});
