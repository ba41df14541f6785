import { expect, test } from "vitest";
import { time } from "./account.ts";
import { type Change, corrections, DAY, HOUR, idOf, leads } from "./changes.ts";
import { START } from "./clock.ts";
import { type Survived, survive } from "./proof.ts";
import type { Behaviour } from "./timed-receivers.ts";

const MINUTE = 60_000;
const BAD = 77;

/** The receiver never takes this one row. */
const refusing =
  (how: string): Behaviour =>
  ({ body }) =>
    body.includes(idOf("lead", BAD)) ? how : "2xx";

/** 201 leads, the bad one in their midst; it has company until its attempts are used up. */
const atOnce: Change[] = [leads(START, 0, 201, "at once")];

const oneByOne: Change[] = Array.from({ length: 201 }, (_, number) =>
  leads(START + number * 10_000, number, 1, `number ${number}`),
);

/** A quiet site: the bad one first, then a good one every 97 minutes. */
const quietly: Change[] = [
  leads(START, BAD, 1, "bad"),
  ...Array.from({ length: 60 }, (_, number) =>
    leads(START + (number + 1) * 97 * MINUTE, number + 1_000, 1, `number ${number}`),
  ),
];

const written = { atOnce, oneByOne, quietly };

/** Where nothing but the bad one is tried for minutes, the breaker opens, and the next one waits for its probe. */
const LONGEST_WAIT = { atOnce: 10_000, oneByOne: 10_000, quietly: 10_000 };

/** Milliseconds from the change to the call that was taken, for each good row of these changes. */
function waits({ simulation, account }: Survived, changes: Change[]): number[] {
  const writtenAt = new Map(
    changes.flatMap(({ at, fires }) =>
      fires.map((fire) => [fire.split(" ")[1] ?? "", at] as const),
    ),
  );
  return account.deliveries
    .filter(({ row_id }) => row_id !== idOf("lead", BAD) && writtenAt.has(row_id))
    .map(({ row_id, idempotency_key }) => {
      const call = simulation.calls.find(
        ({ idempotencyKey, reception }) =>
          idempotencyKey === idempotency_key && reception === "2xx",
      );
      return call ? call.at - (writtenAt.get(row_id) ?? 0) : Number.POSITIVE_INFINITY;
    })
    .sort((one, other) => one - other);
}

function tell(survived: Survived, changes: Change[]): number[] {
  const sorted = waits(survived, changes);
  const bad = survived.account.deliveries.find(({ row_id }) => row_id === idOf("lead", BAD));
  const at = (share: number) => time(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
  console.log(
    `  the ${sorted.length} good ones waited ${at(0.5)} (half), ${at(0.95)} (95 %), ${at(1)} (all); ` +
      `the bad one: ${bad?.status} after ${bad?.attempt_count} attempts, ` +
      `${time((bad?.finished_at?.getTime() ?? Number.NaN) - START)}, ${bad?.last_error_code}`,
  );
  return sorted;
}

for (const [how, changes] of Object.entries(written)) {
  test(`500 for ever, written ${how}: dead after its 11 attempts, with evidence`, async () => {
    const last = changes.at(-1)?.at ?? START;
    const survived = await survive({
      name: `one row among good ones answered 500, ${how}`,
      receiver: refusing("500"),
      changes: [...changes, ...evidence(last)],
      healsAt: START,
    });
    const sorted = tell(survived, changes);
    const bad = survived.account.deliveries.find(({ row_id }) => row_id === idOf("lead", BAD));
    expect(bad).toMatchObject({ status: "dead", attempt_count: 11 });
    expect(survived.account.byStatus.dead).toBe(1);
    expect(sorted.at(-1), "the slowest of the good ones").toBeLessThan(
      LONGEST_WAIT[how as keyof typeof written],
    );
  });
}

/** Whatever else the site writes during the following days: one row in 8 hours. */
function evidence(after: number): Change[] {
  return Array.from({ length: 40 }, (_, number) =>
    leads(after + HOUR + number * 8 * HOUR, 5_000 + number, 1, "later"),
  );
}

for (const [how, changes] of Object.entries(written)) {
  test(`403 for one row, written ${how}: the others arrive, and it waits`, async () => {
    const last = changes.at(-1)?.at ?? START;
    const mendedAt = last + DAY;
    const survived = await survive({
      name: `one row among good ones answered 403, ${how}`,
      receiver: (call) => (call.at < mendedAt ? refusing("403")(call) : "2xx"),
      changes: [...changes, corrections(mendedAt, BAD, 1, "mended")],
      healsAt: mendedAt,
    });
    const sorted = tell(survived, changes);
    expect(survived.account.byStatus.dead ?? 0).toBe(0);
    expect(sorted.at(-1), "the slowest of the good ones").toBeLessThan(
      LONGEST_WAIT[how as keyof typeof written],
    );
  });
}
