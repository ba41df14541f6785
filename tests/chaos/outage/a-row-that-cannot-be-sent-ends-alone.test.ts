import { expect, test } from "vitest";
import type { Fate } from "../world/net.ts";
import { time } from "./account.ts";
import { type Change, HOUR, idOf, leads } from "./changes.ts";
import { START } from "./clock.ts";
import { type Survived, survive } from "./proof.ts";

const BAD = 77;

/** On a site so quiet that nothing but the bad one is tried, the breaker opens; the next one waits for its probe. */
const LONGEST_WAIT = 6 * 60_000;
const bad = (survived: Survived) =>
  survived.account.deliveries.find(({ row_id }) => row_id === idOf("lead", BAD));

const atOnce: Change[] = [leads(START, 0, 201, "at once")];
const oneByOne: Change[] = Array.from({ length: 201 }, (_, number) =>
  leads(START + number * 10_000, number, 1, `number ${number}`),
);

test("1 MB in one row", async () => {
  const large: Change = {
    at: START,
    sql: "insert into public.leads (id, email, firstname) values ($1, 'large@example.org', repeat('x', 1000000))",
    values: [idOf("lead", BAD)],
    fires: [`lead ${idOf("lead", BAD)}`],
  };
  const survived = await survive({
    name: "one row of 1 MB among 201",
    changes: [large, leads(START, 1_000, 200, "small")],
    healsAt: START,
  });
  expect(bad(survived)).toMatchObject({
    status: "dead",
    last_error_code: "too_large",
    attempt_count: 0,
  });
  expect(survived.account.byStatus).toEqual({ dead: 1, delivered: 200 });
  expect(survived.account.drainMs).toBeLessThan(10_000);
});

/** Without them nothing would say that it is not the function that fails. */
const later: Change[] = Array.from({ length: 12 }, (_, number) =>
  leads(START + (number + 2) * HOUR, 9_000 + number, 1, "a later one"),
);

/** pg_net gives up; the answer is not ours; the runtime falls over it. */
const WAYS: Fate[] = ["timed out", "unsigned 200", "hop 546"];

for (const fate of WAYS) {
  for (const [how, changes] of Object.entries({ atOnce, oneByOne })) {
    test(`every envelope with this one row ends so: ${fate}; written ${how}`, async () => {
      const survived = await survive({
        name: `one row of 201 gets no usable answer (${fate}), ${how}`,
        hop: (_, body) => (body.includes(idOf("lead", BAD)) ? fate : "answered"),
        changes: [...changes, ...later],
        healsAt: START,
      });
      const costs = await tellCosts(survived);
      expect(bad(survived)).toMatchObject({ status: "dead", last_error_code: "poison" });
      expect(survived.account.byStatus).toEqual({ dead: 1, delivered: 212 });
      expect(costs.failedWithOthers, "envelopes that others lost").toBeLessThanOrEqual(8);
      expect(costs.slowestMs, "the slowest of the others").toBeLessThan(LONGEST_WAIT);
    });
  }
}

interface Costs {
  /** Envelopes that came back without a usable answer, and others were in. */
  failedWithOthers: number;
  slowestMs: number;
}

async function tellCosts(survived: Survived): Promise<Costs> {
  const { simulation, account } = survived;
  const { rows } = await simulation.mover.query<{
    failed: number;
    with_others: number;
    others_hit: number;
    slowest: number;
    half: number;
  }>(
    `select (count(*) filter (where status = 'failed'))::int as failed,
            (count(*) filter (where status = 'failed' and delivery_count > 1))::int as with_others,
            (select count(distinct delivery_id)::int from crm_sync.delivery_attempts
             join crm_sync.deliveries using (delivery_id)
             where error_code = 'no_usable_answer' and row_id <> $1) as others_hit,
            (select max(extract(epoch from finished_at - captured_at))::float8 from crm_sync.deliveries where row_id <> $1) as slowest,
            (select percentile_cont(0.5) within group (order by extract(epoch from finished_at - captured_at))::float8
             from crm_sync.deliveries where row_id <> $1) as half
     from crm_sync.envelopes`,
    [idOf("lead", BAD)],
  );
  const { failed = 0, with_others = 0, others_hit = 0, slowest = 0, half = 0 } = rows[0] ?? {};
  const end = (bad(survived)?.finished_at?.getTime() ?? Number.NaN) - START;
  console.log(
    `  ${failed} envelopes without a usable answer of ${account.envelopes}, ${with_others} of them with others in; ` +
      `${others_hit} others were in one; half of the others delivered within ${time(half * 1_000)}, all within ${time(slowest * 1_000)}; ` +
      `the bad one dead after ${time(end)}`,
  );
  return { failedWithOthers: with_others, slowestMs: slowest * 1_000 };
}
