/** One schedule from an empty ledger to the end of all faults. Throws, with what broke, if a promise was broken. */
import { heal, wakeForgotten } from "./heal.ts";
import { brokenOrder, readLedger } from "./ledger.ts";
import { perform } from "./perform.ts";
import { brokenPromises } from "./promises.ts";
import type { Step } from "./steps.ts";
import { type Connections, enterWorld, type MakeNet, type Strikes, strike } from "./world.ts";

export async function runSchedule(
  steps: Step[],
  connections: Connections,
  strikes: Strikes,
  makeNet?: MakeNet,
): Promise<void> {
  const world = await enterWorld(connections, strikes, makeNet);
  const broken: string[] = [];
  let before = await readLedger(connections.mover);
  for (const [position, step] of steps.entries()) {
    const happened = await perform(step, world);
    if (!happened) continue;
    count(step, strikes);
    const after = await readLedger(connections.mover);
    broken.push(
      ...brokenOrder(before, after).map((text) => `after step ${position} (${step.do}): ${text}`),
    );
    before = after;
  }
  const waiting = await heal(world);
  const forgotten = await wakeForgotten(world);
  if (forgotten > 0) strike(strikes, "a key that nobody woke");
  if (forgotten > 0 && !steps.some(mayForget)) broken.push(`${forgotten} keys that nobody woke`);
  if (forgotten > 0) waiting.splice(0, waiting.length, ...(await heal(world)));
  broken.push(...waiting.map((text) => `still waits: ${text}`));
  broken.push(...(await brokenPromises(world, await readLedger(connections.mover))));
  if (broken.length > 0) throw new Error(broken.join("\n"));
}

/** The tick passes over rows that an operator holds. Whoever rolls back then leaves them to the job that runs every ten minutes. */
function mayForget(step: Step): boolean {
  return step.do === "cancel beside a tick" && step.rollBack;
}

function count(step: Step, strikes: Strikes): void {
  strike(strikes, step.do);
  if (step.do === "forge") strike(strikes, `forged: ${step.kind}`);
  if (step.do === "begin") strike(strikes, `begin: ${step.isolation}`);
}
