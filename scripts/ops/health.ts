/** `health`: each check of crm_sync.health(), with what mends it. */
import type { Command } from "commander";
import { type DatabaseOptions, type Row, withDatabase } from "./database.ts";
import { EXIT } from "./errors.ts";
import { examples } from "./help.ts";
import { type OutputOptions, plural, printJson, printTable } from "./output.ts";
import { callProject } from "./project.ts";

interface Options extends DatabaseOptions, OutputOptions {
  all?: true;
  strict?: true;
}

export function addHealth(program: Command): void {
  program
    .command("health")
    .summary("is all well, and if not, what mends it")
    .description(
      "Asks crm_sync.health() and shows each check that is not ok, with what mends it. Changes nothing.\n" +
        "Ends with 1 when a check is at error or unknown: rows do not reach a receiver, or may not.",
    )
    .option("--all", "the checks that are ok, too")
    .option("--strict", "end with 1 for a warning, too")
    .addHelpText(
      "after",
      examples(
        ["health", "what is wrong now"],
        ["health --all", "every check, with what it saw"],
        ["health --json --strict || alert", "for a script"],
        ["health --project-url https://<project>.supabase.co", "with SUPABASE_SECRET_KEY"],
      ),
    )
    .action(async (_, command: Command) => showHealth(command.optsWithGlobals<Options>()));
}

async function showHealth(options: Options): Promise<void> {
  const checks = options.projectUrl
    ? await callProject(options.projectUrl, "crm_sync_health")
    : await withDatabase(options, (query) => query("select * from crm_sync.health()"));
  const problems = problemsIn(checks);
  const shown = options.all ? checks : problems;
  if (options.json) printJson(shown);
  else {
    if (shown.length > 0) {
      printTable({ level: "level", check: "check_name", detail: "detail", mend: "mend" }, shown);
    }
    console.log(summary(checks));
  }
  const bad = options.strict ? problems : problems.filter(isBad);
  process.exitCode = bad.length > 0 ? EXIT.wrong : EXIT.well;
}

export function problemsIn(checks: Row[]): Row[] {
  return checks.filter(({ level }) => level !== "ok");
}

/** A warning says that somebody should look; these say that rows do not arrive, or may not. */
export function isBad({ level }: Row): boolean {
  return level === "error" || level === "unknown";
}

export function summary(checks: Row[]): string {
  const well = checks.length - problemsIn(checks).length;
  return `${well} of ${plural(checks.length, "check")} ok`;
}
