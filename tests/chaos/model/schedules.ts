/** Many schedules, side by side, one database each; what struck how often, and the first that broke a promise. */
import fc from "fast-check";
import type { ChaosDatabase } from "../world/install.ts";
import { stopWaitingForReal } from "../world/receivers.ts";
import { runSchedule } from "./run.ts";
import { schedules as arbitrarySchedules } from "./steps.ts";
import { connect, type MakeNet, type Strikes } from "./world.ts";

export interface ScheduleOptions {
  /** Each runs its share of the schedules. */
  databases: ChaosDatabase[];
  schedules: number;
  /** The same seed draws the same schedules. */
  seed: number;
  /** Where a failure stands among them, as a failure names it; then only that one runs. */
  path?: string;
  /** Looks for a shorter schedule that breaks, too: minutes instead of seconds. */
  shrinks?: boolean;
  /** Where pg_net is not simulated. */
  makeNet?: MakeNet;
}

export interface ScheduleReport {
  ran: number;
  strikes: Strikes;
  /** How to repeat it, and what broke; null if all promises were kept. */
  failure: string | null;
}

export async function runSchedules(options: ScheduleOptions): Promise<ScheduleReport> {
  stopWaitingForReal();
  const { databases, schedules, seed, path } = options;
  const shares = path ? databases.slice(0, 1) : databases;
  const strikes: Strikes = new Map();
  const failures = await Promise.all(
    shares.map((database, share) =>
      runShare(database, strikes, options.makeNet, {
        numRuns: Math.ceil(schedules / shares.length),
        seed: seed + share,
        endOnFailure: !options.shrinks,
        ...(path && { path }),
      }),
    ),
  );
  return {
    ran: Math.ceil(schedules / shares.length) * shares.length,
    strikes,
    failure: failures.find((failure) => failure !== null) ?? null,
  };
}

async function runShare(
  database: ChaosDatabase,
  strikes: Strikes,
  makeNet: MakeNet | undefined,
  parameters: fc.Parameters<[Parameters<typeof runSchedule>[0]]>,
): Promise<string | null> {
  const connections = await connect(database);
  try {
    const property = fc.asyncProperty(arbitrarySchedules, (steps) =>
      runSchedule(steps, connections, strikes, makeNet),
    );
    const result = await fc.check(property, parameters);
    if (!result.failed) return null;
    const steps = (result.counterexample?.[0] ?? []).map(
      (step, n) => `${n}  ${JSON.stringify(step)}`,
    );
    const cause = result.errorInstance instanceof Error ? result.errorInstance.message : "";
    return [
      `--seed ${result.seed} --path ${result.counterexamplePath}`,
      ...steps,
      "broke:",
      cause,
    ].join("\n");
  } finally {
    await connections.close();
  }
}
