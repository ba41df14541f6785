/**
 * `npm run ops`: crm-sync from a terminal, for a person at night and for scripts. Exit code 0: well; 1: something is
 * wrong, or was refused; 2: wrong usage.
 */
import "./terminal/plain-when-piped.ts";
import { program } from "commander";
import { addBackfill } from "./ops/backfill.ts";
import { addCancel } from "./ops/cancel.ts";
import { addDead } from "./ops/dead.ts";
import { addDeliveries } from "./ops/deliveries.ts";
import { addDryRun } from "./ops/dry-run.ts";
import { runProgram } from "./ops/errors.ts";
import { addHealth } from "./ops/health.ts";
import { examples } from "./ops/help.ts";
import { addPause, addResume } from "./ops/pause-resume.ts";
import { addRedeliver } from "./ops/redeliver.ts";
import { addReplayDiff } from "./ops/replay-diff.ts";
import { addStart, addStop } from "./ops/start-stop.ts";
import { addStatus } from "./ops/status.ts";
import { addTrace } from "./ops/trace.ts";

program
  .name("npm run ops --")
  .description(
    "Looks after crm-sync: what is wrong, what happened to a row, and one call that mends it.\n" +
      "Exit code 0: well. 1: something is wrong, or was refused. 2: wrong usage.",
  )
  .option(
    "--database-url <url>",
    "the database to ask; default: DATABASE_URL, else the running local stack (npm start)",
  )
  .option("--data-dir <path>", "of the stack to ask; default: .crm-sync in the repository")
  .option(
    "--project-url <url>",
    "instead of it a project, by its secret key in SUPABASE_SECRET_KEY: for health, deliveries and redeliver",
  )
  .option("--json", "JSON instead of a table")
  .helpCommand(false)
  .configureHelp({ showGlobalOptions: true })
  .exitOverride()
  .showHelpAfterError("(--help shows how)");

const LOOK = [addStatus, addHealth, addTrace, addDead, addDeliveries];
const ACT = [addRedeliver, addCancel, addPause, addResume, addStop, addStart, addBackfill];
const TRY = [addDryRun, addReplayDiff];
for (const add of [...LOOK, ...ACT, ...TRY]) add(program);

program.addHelpText(
  "after",
  `${examples(
    ["status", "is anything wrong?"],
    ["trace requests 5f0c…", "what happened to this row?"],
    ["dead", "what waits for a person?"],
    ["redeliver 4711", "send it again, once it is mended"],
    ["trace --help", "each command has examples of its own"],
  )}`,
);

// `| head` closes our output early: no reason to complain.
process.stdout.on("error", () => process.exit());

await runProgram(program);
