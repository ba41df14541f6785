/** Faults stop: everything open is ended, everything broken is mended, and time passes until nothing waits. */
import { mendCapture } from "./perform.ts";
import type { World } from "./world.ts";

const ROUNDS = 40;
const EVERYTHING = 1_000;

/** Returns what still waits when enough time has passed; empty if nothing does. */
export async function heal(world: World): Promise<string[]> {
  const { application, net, receivers, connections } = world;
  const { tick, mover, operator } = connections;
  receivers.expect([]);
  if (net.isBusy()) await net.finish(["answered"]);
  await application.endAll();
  await mendCapture(world);
  await operator.query("update crm_sync.settings set is_running = true");
  await operator.query(
    "update crm_sync.destinations set is_paused = false, rate_per_second = null, max_deliveries_in_flight = 10000",
  );
  let waiting: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await tick.query("select crm_sync.tick()");
    await net.take(EVERYTHING);
    await net.finish(["answered"]);
    await tick.query("select crm_sync.tick()");
    waiting = await whatWaits(world);
    if (waiting.length === 0) break;
    // First past a breaker's longest interval, then past the schedule's.
    await mover.query("select chaos.travel($1 * interval '1 hour')", [round < 3 ? 0.3 : 30]);
  }
  return waiting;
}

/** What pg_cron runs beside the tick; returns how many keys it found. */
export async function wakeForgotten({ connections }: World): Promise<number> {
  const { rows } = await connections.tick.query<{ keys: number }>(
    "select crm_sync._wake_forgotten_keys() as keys",
  );
  return rows[0]?.keys ?? 0;
}

async function whatWaits({ connections }: World): Promise<string[]> {
  const { rows } = await connections.tick.query<{ waiting: string }>(`
    select format('delivery %s of %s: %s, %s', delivery_id, ordering_key, status, last_error_code) as waiting
    from crm_sync.deliveries where status in ('pending', 'in_flight')
    union all
    select 'a missed change of ' || table_name from crm_sync.capture_failures
    union all
    select 'a related change of ' || table_name from crm_sync.related_changes
    union all
    select 'an envelope in flight' from crm_sync.envelopes where status = 'in_flight'`);
  return rows.map(({ waiting }) => waiting);
}
