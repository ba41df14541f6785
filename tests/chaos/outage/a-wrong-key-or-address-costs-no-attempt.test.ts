import { expect, test } from "vitest";
import { bulkChanges, DAY, HOUR, singleChanges } from "./changes.ts";
import { START } from "./clock.ts";
import { expectNothingDead, survive } from "./proof.ts";

const healsAt = START + 3 * DAY;
const MINUTE = 60_000;

/** Waits of its own, and the breaker's: 15 minutes each at the longest, the first with 20 % of jitter. */
const LONGEST_WAIT = 34 * MINUTE;

for (const [what, status] of [
  ["the key is revoked, then replaced", "401"],
  ["the address is wrong, then mended", "404"],
] as const) {
  test(`${status}: ${what}`, async () => {
    const survived = await survive({
      name: `${status} for 3 days`,
      receiver: ({ at, destination }) =>
        destination === "monelec" && at >= START + HOUR && at < healsAt ? status : "2xx",
      changes: [
        ...bulkChanges([START, START + 2 * HOUR, START + DAY], 300),
        ...singleChanges(72, START, healsAt),
      ],
      healsAt,
    });
    expectNothingDead(survived);
    const { account } = survived;
    expect(account.attempts, "attempts: the one of each that was taken").toBe(account.confirmed);
    expect(account.mostAttempts).toBe(1);
    expect(account.drainMs).toBeLessThan(LONGEST_WAIT);
    expect(account.probes).toBeLessThanOrEqual(6 + (3 * DAY) / (15 * MINUTE));
  });
}
