/** `pause` and `resume`: one receiver off and on again. */
import type { Command } from "commander";
import { type DatabaseOptions, withDatabase } from "./database.ts";
import { examples } from "./help.ts";
import { type OutputOptions, plural, printJson } from "./output.ts";

interface Options extends DatabaseOptions, OutputOptions {
  note?: string;
}

export function addPause(program: Command): void {
  addSwitch(program, "pause", "nothing more leaves for a receiver until resume", [
    "pause monelec --note 'they move house'",
    "capture goes on, no attempt is used up",
  ]);
}

export function addResume(program: Command): void {
  addSwitch(program, "resume", "deliveries leave for a receiver again", [
    "resume monelec",
    "what waits leaves by the next tick",
  ]);
}

function addSwitch(
  program: Command,
  name: "pause" | "resume",
  summary: string,
  example: [string, string],
): void {
  program
    .command(name)
    .summary(summary)
    .description(
      `Calls crm_sync.${name}(): ${summary}.\nSafe to repeat. Leaves a line in crm_sync.operations.`,
    )
    .argument("<destination>", "monelec, elementor: the receiver")
    .option("--note <text>", "why: kept with the call")
    .addHelpText("after", examples(example))
    .action(async (destination: string, _, command: Command) =>
      turn(name, destination, command.optsWithGlobals<Options>()),
    );
}

async function turn(name: "pause" | "resume", destination: string, options: Options) {
  const [row] = await withDatabase(options, async (query) => {
    await query(`select crm_sync.${name}($1, $2)`, [destination, options.note ?? null]);
    return query(
      `select destinations.destination, is_paused,
              (select count(*) from crm_sync.delivery_log
               where delivery_log.destination = destinations.destination and status = 'pending') as pending_count
       from crm_sync.destinations where destinations.destination = $1`,
      [destination],
    );
  });
  if (options.json) printJson(row);
  else {
    const waits = plural(Number(row?.pending_count), "delivery waits", "deliveries wait");
    console.log(`${destination} is ${row?.is_paused ? "paused" : "on"}; ${waits}`);
  }
}
