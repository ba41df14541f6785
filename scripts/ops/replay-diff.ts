/** `replay-diff`: what a changed mapper would change, seen on real records before it is deployed. */
import { type Command, Option } from "commander";
import { examples } from "./help.ts";
import { toCount } from "./numbers.ts";
import type { ReplayOptions } from "./replay-diff/replay.ts";

export function addReplayDiff(program: Command): void {
  program
    .command("replay-diff")
    .summary("what a changed mapper would change, on kept records")
    .description(
      "Runs the mappers of the working tree and those of another revision over the records that the ledger keeps of the\n" +
        "last deliveries, and shows field by field what differs. Sends nothing, changes nothing. The site is SITE_URL.\n" +
        "Reads records: connect as the owner. Ends with 1 when something differs, or nothing was compared.",
    )
    .addOption(new Option("--last <n>", "so many deliveries").argParser(toCount).default(500))
    .option("--against <revision>", "of git: what the payloads are compared with", "HEAD")
    .option("--route <route>", "of one route")
    .option("--show-values", "personal data, too: else letters are x and digits 0")
    .addHelpText(
      "after",
      examples(
        ["replay-diff", "what does my uncommitted change do?"],
        ["replay-diff --against main --last 5000", "and this branch?"],
        ["replay-diff --route lead --show-values", "with the values"],
        ["replay-diff --json", "every change of every delivery"],
      ),
    )
    .action(async (_, command: Command) => {
      // Only here: mappers and their schemas take longer to load than other commands to run.
      const { replayDiff } = await import("./replay-diff/replay.ts");
      await replayDiff(command.optsWithGlobals<ReplayOptions>());
    });
}
