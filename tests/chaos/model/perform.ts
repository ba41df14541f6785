/** Does one step. False: it made no sense where it stood, and nothing happened. */
import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { RECEPTIONS } from "../world/receivers.ts";
import { rowId } from "./application.ts";
import type { Step } from "./steps.ts";
import type { World } from "./world.ts";

/** A ledger that refuses, a column that was renamed. */
const MADE_FAULTS = new Set(["53100", "42703"]);

/** A column of each table that its trigger watches and no step writes. */
const RENAMED_COLUMNS = { leads: "utm_medium", requests: "phase", orders: "client_address" };

export async function perform(step: Step, world: World): Promise<boolean> {
  const { connections, net, receivers, application } = world;
  const { tick, secondTick, mover } = connections;
  switch (step.do) {
    case "tick":
      await tick.query("select crm_sync.tick()");
      return true;
    case "all at once":
      await Promise.all([
        ...step.writes.map((write) => application.perform(write)),
        tick.query("select crm_sync.tick()"),
        secondTick.query("select crm_sync.tick()"),
      ]);
      return true;
    case "two ticks":
      await Promise.all([tick, secondTick].map((client) => client.query("select crm_sync.tick()")));
      return true;
    case "send":
      if (net.isBusy()) return false;
      receivers.expect(receptionsNamed(step.receptions));
      await tick.query("select crm_sync.tick()");
      await net.take(step.count);
      await net.finish(step.fates);
      return true;
    case "hold a batch":
      if (net.isBusy()) return false;
      await tick.query("select crm_sync.tick()");
      return (await net.take(step.count)) > 0;
    case "end the batch":
      if (!net.isBusy()) return false;
      receivers.expect(receptionsNamed(step.receptions));
      await net.finish(step.fates);
      return true;
    case "crash pg_net":
      receivers.expect([]);
      await net.crash(step.arrived);
      return true;
    case "purge answers":
      await net.purgeAnswers();
      return true;
    case "forge":
      await tick.query("select crm_sync.tick()");
      return net.forge(step.kind);
    case "pass time":
      await mover.query("select chaos.travel($1 * interval '1 second')", [step.seconds]);
      return true;
    case "set the clock back":
      await mover.query("select chaos.travel($1 * interval '-1 second')", [step.seconds]);
      return true;
    case "ledger refuses":
      await mover.query("update chaos.faults set ledger_refuses = true");
      return true;
    case "rename a column":
      return renameColumn(step.table, world);
    case "mend capture":
      return mendCapture(world);
    default:
      return (await application.perform(step)) || operateUnlessRefused(step, world);
  }
}

function receptionsNamed(names: string[]) {
  return names.flatMap((name) => RECEPTIONS[name] ?? []);
}

async function renameColumn(
  table: keyof typeof RENAMED_COLUMNS,
  { connections, renamed }: World,
): Promise<boolean> {
  const column = RENAMED_COLUMNS[table];
  if (renamed.has(table)) return false;
  // Like any migration it waits for the table, and gives up.
  const isDone = await attempt(
    connections.operator,
    `alter table public.${table} rename column ${column} to renamed`,
  );
  if (isDone) renamed.add(table);
  return isDone;
}

export async function mendCapture({ connections, renamed }: World): Promise<boolean> {
  await connections.mover.query("update chaos.faults set ledger_refuses = false");
  for (const table of renamed as Set<keyof typeof RENAMED_COLUMNS>) {
    const sql = `alter table public.${table} rename column renamed to ${RENAMED_COLUMNS[table]}`;
    if (await attempt(connections.operator, sql)) renamed.delete(table);
  }
  return true;
}

async function attempt(client: pg.Client, sql: string): Promise<boolean> {
  await client.query("set lock_timeout = '20ms'");
  try {
    await client.query(sql);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== "55P03") throw error;
    return false;
  } finally {
    await client.query("reset lock_timeout");
  }
}

/** An operator is told of a fault that was made, and nothing has happened. */
async function operateUnlessRefused(step: Step, world: World): Promise<boolean> {
  try {
    return await operate(step, world);
  } catch (error) {
    if (!MADE_FAULTS.has((error as { code?: string }).code ?? "")) throw error;
    return false;
  }
}

async function operate(step: Step, { connections, erased }: World): Promise<boolean> {
  const { operator, tick } = connections;
  switch (step.do) {
    case "pause":
    case "resume":
      await operator.query(`select crm_sync.${step.do}($1)`, [step.destination]);
      return true;
    case "limit":
      await operator.query(
        "update crm_sync.destinations set rate_per_second = $2, max_deliveries_in_flight = $3 where destination = $1",
        [step.destination, step.rate, step.inFlight],
      );
      return true;
    case "redeliver":
      return actOn(
        operator,
        "redeliver",
        "status in ('dead', 'cancelled', 'delivered')",
        step.choice,
      );
    case "redeliver dead": {
      const { rows } = await operator.query(
        "select from crm_sync.redeliver_dead(p_count_only => false) where redelivered_count > 0",
      );
      return rows.length > 0;
    }
    case "cancel":
      return actOn(operator, "cancel", "status in ('pending', 'dead')", step.choice);
    case "cancel beside a tick": {
      await operator.query("begin");
      const happened = await actOn(
        operator,
        "cancel",
        "status in ('pending', 'dead')",
        step.choice,
      );
      const ticked = tick.query("select crm_sync.tick()");
      await Promise.race([ticked, sleep(100)]);
      await operator.query(step.rollBack ? "rollback" : "commit");
      await ticked;
      return happened;
    }
    case "backfill":
      await operator.query("select crm_sync.backfill($1, p_since => now() - interval '1 year')", [
        step.route,
      ]);
      return true;
    case "erase": {
      const id = rowId(step.table, step.slot);
      const { rows } = await operator.query("select from crm_sync.erase($1, $2)", [
        `public.${step.table}`,
        id,
      ]);
      erased.add(id);
      return rows.length > 0;
    }
    default:
      return false;
  }
}

/** One of the deliveries that the condition allows; which one, the number says. */
async function actOn(
  client: pg.Client,
  action: "redeliver" | "cancel",
  condition: string,
  choice: number,
): Promise<boolean> {
  const { rows } = await client.query<{ id: string }>(
    `select delivery_id as id from crm_sync.deliveries where ${condition} order by delivery_id`,
  );
  const chosen = rows[choice % rows.length];
  if (!chosen) return false;
  const { rows: results } = await client.query<{ done: boolean }>(
    `select ${action === "cancel" ? "cancelled" : "redelivered"} as done from crm_sync.${action}(array[$1::bigint])`,
    [chosen.id],
  );
  return results[0]?.done ?? false;
}
