/** One run: normal, Elementor hangs, its breaker opens and probes, and, in the long form, all is well again. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Batch, slowBatches } from "./batches.ts";
import { bringProbeForward, envelopesOf, untilOpen, untilProbed } from "./breaker.ts";
import { hangsOf, type Marks, type Table, tabulate, type Way } from "./phases.ts";
import { LEAD_EVERY_MS, type Plan } from "./plans.ts";
import type { World } from "./world.ts";
import { startWriter, type Writer } from "./writer.ts";

export interface Outcome {
  table: Table;
  hangsFrom: number;
  slowBatches: Batch[];
  /** From the first call that hung to the breaker's opening; null: it never opened. */
  openedAfterMs: number | null;
  probes: number;
  orders: number;
  /** Orders that had arrived by the end; null where the run ends with Elementor hanging. */
  ordersArrived: number | null;
}

const LEAD = `
  insert into public.leads (email, phone, firstname, lastname)
  values ('lead-' || $1::int || '@example.test', '+33 6 12 34 56 78', 'Léa', 'Roux') returning id`;

const ORDER = `
  insert into public.orders (order_number, client_name, product_name, quantity, unit_price, total_amount, status)
  values ('CMD-' || $1::int, 'Hélène Faure', 'Coffret 36 kVA', 2, 19.90, 39.80, 'confirmed') returning id`;

/** Open 30 s, then a probe of 3 s and what settles it. */
const PROBE_LIMIT_MS = 60_000;
const ARRIVAL_LIMIT_MS = 60_000;

export async function run(world: World, plan: Plan): Promise<Outcome> {
  const { receiver } = world;
  const leads = startWriter(world.backend.url, LEAD, LEAD_EVERY_MS);
  const orders = startWriter(world.backend.url, ORDER, plan.orderEveryMs);
  try {
    await sleep(plan.normalMs);
    receiver.respondWith({ destination: "elementor", hang: true });
    const hangsFrom = Date.now();
    const openedAt = await untilOpen(world, plan.openingLimitMs);
    if (openedAt !== null) await keepHanging(world, plan, hangsFrom);
    const answersFrom = Date.now();
    receiver.clearFaults();
    const normalAgainFrom = plan.againMs === null ? null : await untilNormal(world, orders);
    await sleep(plan.againMs ?? 0);
    await Promise.all([leads.stop(), orders.stop()]);
    const marks = { hangsFrom, openedAt: openedAt ?? answersFrom, answersFrom, normalAgainFrom };
    return await account(world, { leads, orders, marks, isOpened: openedAt !== null });
  } finally {
    await Promise.all([leads.stop(), orders.stop()]).catch(() => undefined);
  }
}

async function keepHanging(world: World, plan: Plan, hangsFrom: number): Promise<void> {
  if (plan.firstProbeMs !== null) await bringProbeForward(world, plan.firstProbeMs);
  await untilProbed(world, PROBE_LIMIT_MS);
  await sleep(plan.afterProbeMs);
  await sleep(Math.max(0, hangsFrom + plan.hangMs - Date.now()));
}

/** Brings the next probe forward and waits until every order has arrived. */
async function untilNormal(world: World, orders: Writer): Promise<number> {
  await bringProbeForward(world, 0);
  for (
    const limit = Date.now() + ARRIVAL_LIMIT_MS;
    arrived(world, orders) < orders.written.length;
  ) {
    if (Date.now() > limit) throw new Error("orders are missing at Elementor");
    await sleep(100);
  }
  return Date.now();
}

async function account(
  world: World,
  run: { leads: Writer; orders: Writer; marks: Marks; isOpened: boolean },
): Promise<Outcome> {
  const ways = await waysOf(world, run.leads);
  const envelopes = await envelopesOf(world);
  const hangs = hangsOf(world.receiver.calls, envelopes, run.marks.openedAt);
  const firstHang = Math.min(...hangs.map(({ at }) => at));
  return {
    table: tabulate(ways, run.marks, hangs),
    hangsFrom: run.marks.hangsFrom,
    slowBatches: await slowBatches(world),
    openedAfterMs: run.isOpened ? run.marks.openedAt - firstHang : null,
    probes: envelopes.filter(({ isProbe }) => isProbe).length,
    orders: run.orders.written.length,
    ordersArrived: run.marks.normalAgainFrom === null ? null : arrived(world, run.orders),
  };
}

/** Of each lead, once the last one has arrived. Throws after a minute: then one is lost. */
async function waysOf({ receiver }: World, leads: Writer): Promise<Way[]> {
  const received = () => {
    const first = new Map<string, number>();
    for (const { entity, receivedAt } of receiver.calls) {
      if (entity && !first.has(entity)) first.set(entity, receivedAt.getTime());
    }
    return first;
  };
  await receiver.waitUntil(() => {
    const first = received();
    return leads.written.every(({ id }) => first.has(`lovable_lead_id:${id}`));
  }, ARRIVAL_LIMIT_MS);
  const first = received();
  return leads.written.map(({ id, committedAt }) => ({
    committedAt,
    tookMs: Math.max(0, (first.get(`lovable_lead_id:${id}`) as number) - committedAt),
  }));
}

function arrived({ receiver }: World, orders: Writer): number {
  const subjects = new Set(
    receiver.calls
      .filter(({ status }) => status !== null && status < 300)
      .map(({ subject }) => subject),
  );
  return orders.written.filter(({ id }) => subjects.has(`order:${id}`)).length;
}
