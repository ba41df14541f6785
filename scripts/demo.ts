/**
 * `npm run demo`: an application writes rows through supabase-js, and each must reach its receiver.
 * On a stack of its own, which is gone afterwards. Ends with `delivered N of N`; exit code 0 only then.
 */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Option, program } from "commander";
import pg from "pg";
import pc from "picocolors";
import { type RouteName, routes } from "../supabase/functions/crm-sync/routes.ts";
import { type Expected, SCENARIOS, type Scenario } from "./demo/scenarios.ts";
import { type Stack, startStack } from "./local/stack.ts";
import { toCount } from "./ops/numbers.ts";
import { createSupabaseClient } from "./supabase-client.ts";
import { showProgress } from "./terminal/progress.ts";
import { stopSignal } from "./terminal/stop-signal.ts";
import { formatTable } from "./terminal/table.ts";

const VALUE_WIDTH = 44;

interface Options {
  break?: RouteName;
  /** Seconds from the last write on. */
  within: number;
}

interface Check extends Expected {
  scenario: Scenario;
}

interface Delivery {
  status: string;
  key: string;
  capturedAt: Date;
  lastStatus: number | null;
  errorCode: string | null;
  error: string | null;
}

type Receiver = NonNullable<Stack["receiver"]>;
type Fields = Record<string, unknown>;

/** Makes the receiver answer 500 to one route: the demo has to notice, and to name it. */
function breakRoute(receiver: Receiver, route: RouteName): void {
  const { destination, path } = routes[route];
  receiver.respondWith({
    destination,
    status: 500,
    // Both routes of /requests share a path; only payment_status carries an amount.
    when: (call) =>
      call.path.endsWith(path) &&
      (path !== "/requests" || "amount" in (call.body as Fields) === (route === "payment_status")),
  });
}

async function findDelivery(client: pg.Client, check: Expected): Promise<Delivery | undefined> {
  const { rows } = await client.query<Delivery>(
    `select status, idempotency_key as key, captured_at as "capturedAt",
            last_status as "lastStatus", last_error_code as "errorCode", last_error as error
     from crm_sync.delivery_log
     where route = $1 and table_name = $2 and row_id = $3
     order by delivery_id desc limit 1`,
    [check.route, `public.${check.table}`, check.id],
  );
  return rows[0];
}

async function untilSettled(
  client: pg.Client,
  checks: Check[],
  seconds: number,
  signal: AbortSignal,
): Promise<void> {
  const waiting = new Set(checks);
  for (const limit = Date.now() + seconds * 1_000; Date.now() < limit; await sleep(100)) {
    for (const check of waiting) {
      signal.throwIfAborted();
      const delivery = await findDelivery(client, check);
      if (delivery && !["pending", "in_flight"].includes(delivery.status)) waiting.delete(check);
    }
    if (waiting.size === 0) return;
  }
}

/** Prints the row beside what the receiver got; returns whether it arrived. */
async function report(client: pg.Client, receiver: Receiver, check: Check): Promise<boolean> {
  const delivery = await findDelivery(client, check);
  const call = receiver.calls.find(
    ({ idempotencyKey, status }) => idempotencyKey === delivery?.key && status && status < 300,
  );
  const title = `${check.scenario.name} · ${check.route}`;
  if (delivery?.status !== "delivered" || !call) {
    const { status = "not captured", lastStatus, errorCode, error } = delivery ?? {};
    const reason = [status, lastStatus && `HTTP ${lastStatus}`, errorCode, error].filter(Boolean);
    console.log(`${pc.red("✗")} ${pc.bold(title)}: ${reason.join(", ")}\n`);
    return false;
  }
  const ms = call.receivedAt.getTime() - delivery.capturedAt.getTime();
  console.log(
    `${pc.green("✓")} ${pc.bold(title)}  ${pc.dim(`POST ${call.path} → ${call.status}, ${ms} ms after the write`)}`,
  );
  const table = pg.escapeIdentifier(check.table);
  const { rows } = await client.query<{ row: Fields }>(
    `select to_json(this) as row from public.${table} as this where id = $1`,
    [check.id],
  );
  const { created_at, updated_at, ...row } = rows[0]?.row ?? {};
  console.log(sideBySide(check.table, row, call.body as Fields));
  console.log();
  return true;
}

function sideBySide(table: string, row: Fields, payload: Fields): string {
  const left = toCells(row);
  const right = toCells((payload.fields as Fields | undefined) ?? payload);
  const lines = Array.from({ length: Math.max(left.length, right.length) }, (_, index) => [
    ...(left[index] ?? ["", ""]),
    ...(right[index] ?? ["", ""]),
  ]);
  return formatTable([table, "row", "payload", ""], lines).replace(/^/gm, "    ");
}

function toCells(fields: Fields): [string, string][] {
  return Object.entries(fields)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => {
      const text = String(value);
      return [name, text.length > VALUE_WIDTH ? `${text.slice(0, VALUE_WIDTH - 1)}…` : text];
    });
}

async function play(
  stack: Stack,
  { break: broken, within }: Options,
  signal: AbortSignal,
): Promise<boolean> {
  const receiver = stack.receiver as Receiver;
  if (broken) breakRoute(receiver, broken);
  const application = createSupabaseClient(stack.gateway.url, stack.gateway.serviceRoleKey);
  const client = new pg.Client({ connectionString: stack.databaseUrl });
  await client.connect();
  try {
    console.log("\nThe application writes rows:");
    const checks: Check[] = [];
    for (const scenario of SCENARIOS) {
      signal.throwIfAborted();
      console.log(`  ${pc.bold(scenario.name)}: ${scenario.story}`);
      const expected = await scenario.write(application);
      checks.push(...expected.map((one) => ({ ...one, scenario })));
    }
    console.log("\nWhat the receivers got:\n");
    await untilSettled(client, checks, within, signal);
    const failed: Check[] = [];
    for (const check of checks) if (!(await report(client, receiver, check))) failed.push(check);
    for (const { path, kind, detail } of receiver.violations) {
      console.log(pc.red(`✗ the receiver complains of ${path}: ${kind}, ${detail}`));
    }
    const silent = [...new Set(failed.map(({ route }) => route))];
    if (silent.length > 0) console.log(pc.red(`not delivered: route ${silent.join(", route ")}`));
    console.log(`delivered ${checks.length - failed.length} of ${checks.length}`);
    return failed.length === 0 && receiver.violations.length === 0;
  } finally {
    await client.end();
  }
}

async function main(): Promise<void> {
  const options = program
    .name("npm run demo --")
    .description(
      "Writes rows as an application would, and shows each beside what its receiver got.",
    )
    .addOption(
      new Option(
        "--break <route>",
        "let the receiver answer 500 to a route: the demo must fail",
      ).choices(Object.keys(routes)),
    )
    .option("--within <seconds>", "how long to wait for what was written", toCount, 20)
    .parse()
    .opts<Options>();
  const signal = stopSignal();
  const dataDir = mkdtempSync(join(tmpdir(), "crm-sync-demo-"));
  // The server's OS user, where we are root, has to get through.
  chmodSync(dataDir, 0o755);
  const progress = showProgress();
  try {
    const stack = await startStack({
      dataDir,
      fast: true,
      signal,
      onProgress: progress.step,
    }).catch((error: Error) => {
      progress.failed();
      throw error;
    });
    progress.done();
    try {
      if (!(await play(stack, options, signal))) process.exitCode = 1;
    } finally {
      await stack.stop();
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

await main().catch((error: Error) => {
  console.error(pc.red(error.message));
  process.exitCode = 1;
});
