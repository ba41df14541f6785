/** The model test: promises 1, 2, 4 and 5 under random schedules. `npm run chaos` runs more of them, or one again. */
import { expect, test } from "vitest";
import { formatTable } from "../../../scripts/terminal/table.ts";
import { createTestDatabase } from "../../support/database.ts";
import { installWorld } from "../world/install.ts";
import { runSchedules } from "./schedules.ts";
import { FAULTS } from "./steps.ts";

const SCHEDULES = 300;
const STRIKES_AT_LEAST = 10;

const world = {
  name: "world",
  build: ({ postgresUrl, superuserUrl }: Urls) => installWorld({ url: postgresUrl, superuserUrl }),
};
type Urls = { postgresUrl: string; superuserUrl: string };

test(`${SCHEDULES} random schedules break no promise`, { timeout: 600_000 }, async () => {
  const databases = await Promise.all([createTestDatabase(world), createTestDatabase(world)]);
  // The same schedules on every machine; npm run chaos draws new ones.
  const seed = Number(process.env.CRM_SYNC_SEED ?? 331_391_566);
  console.log(`seed ${seed}: to repeat, npm run chaos -- --schedules ${SCHEDULES} --seed ${seed}`);
  const report = await runSchedules({
    databases: databases.map(({ postgresUrl, superuserUrl }) => ({
      url: postgresUrl,
      superuserUrl,
    })),
    schedules: SCHEDULES,
    seed,
  });
  expect(report.failure, report.failure ?? "").toBeNull();
  const struck = FAULTS.map((name) => [name, String(report.strikes.get(name) ?? 0)]);
  console.log(formatTable(["what struck", "times"], struck));
  const seldom = struck.filter(([, times]) => Number(times) < STRIKES_AT_LEAST);
  expect(seldom, "struck too seldom to say anything").toEqual([]);
});
