import { expect, test } from "vitest";
import type { Fate } from "../world/net.ts";
import { bulkChanges, DAY, orders, singleChanges } from "./changes.ts";
import { START } from "./clock.ts";
import { expectNothingDead, expectSteadyProbes, survive } from "./proof.ts";

const WEEKEND = 2.5 * DAY;
const healsAt = START + WEEKEND;
const MINUTE = 60_000;

/** Alone, a delivery waits 15 minutes and a fifth; then the breaker may have some left. */
const LONGEST_WAIT = 34 * MINUTE;

const GONE: Record<string, (at: number) => Fate> = {
  "each in its turn": (at) => {
    const fates: Fate[] = [
      "hop 404",
      "hop 503",
      "hop 546",
      "hop 200",
      "never reached",
      "timed out",
    ];
    return fates[Math.floor((at - START) / (WEEKEND / 6))] ?? "hop 404";
  },
  "404, not deployed": () => "hop 404",
};

for (const [how, fate] of Object.entries(GONE)) {
  test(`300 changes while the function is gone: ${how}`, async () => {
    const survived = await survive({
      name: `function gone for 2.5 days, ${how}`,
      hop: (at) => (at < healsAt ? fate(at) : "answered"),
      // What pg_net gives up on may have arrived; a function that is gone calls nobody.
      receiver: ({ at }) => (at < healsAt ? "reset" : "2xx"),
      changes: [
        ...bulkChanges([START, START + DAY], 75),
        ...singleChanges(130, START, healsAt),
        ...orders(20, START, healsAt),
      ],
      healsAt,
    });
    expectNothingDead(survived);
    const { account } = survived;
    expect(account.attempts, "attempts: the one of each that was taken").toBe(account.confirmed);
    expect(account.mostAttempts).toBe(1);
    expectSteadyProbes(survived, WEEKEND);
    expect(account.drainMs).toBeLessThan(LONGEST_WAIT);
  });
}
