/** What ends a command, and how it is told: never a stack, never a value of the URL. */
import { type Command, CommanderError } from "commander";
import pg from "pg";
import pc from "picocolors";

export const EXIT = { well: 0, wrong: 1, usage: 2 } as const;

/** An error in the words of whoever noticed it. `hint` says what to do. */
export class OpsError extends Error {
  constructor(
    message: string,
    readonly hint: string | null = null,
    readonly exitCode: number = EXIT.wrong,
  ) {
    super(message);
  }
}

export function wrongUsage(message: string, hint: string): OpsError {
  return new OpsError(message, hint, EXIT.usage);
}

/** Runs what was typed; an error is told on stderr and becomes the exit code. */
export async function runProgram(program: Command): Promise<void> {
  await program.parseAsync().catch((error: unknown) => {
    const text = describe(error);
    if (text !== null) console.error(pc.red(text));
    process.exitCode = exitCodeOf(error);
  });
}

/** An argument that Postgres can not read: no time, no number. */
const UNREADABLE = ["22007", "22008", "22P02"];

/** Commander has written its own message by then. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.well : EXIT.usage;
  if (error instanceof OpsError) return error.exitCode;
  return error instanceof pg.DatabaseError && UNREADABLE.includes(error.code ?? "")
    ? EXIT.usage
    : EXIT.wrong;
}

function describe(error: unknown): string | null {
  if (error instanceof CommanderError) return null;
  if (error instanceof OpsError) return withHint(error.message, error.hint);
  if (error instanceof pg.DatabaseError) {
    return withHint(`${error.message} (${error.code})`, error.hint ?? adviceFor(error.code));
  }
  const { message, code } = error as Error & { code?: string };
  return message || `the database does not answer (${code})`;
}

export function withHint(message: string, hint?: string | null): string {
  return hint ? `${message}\nhint: ${hint}` : message;
}

function adviceFor(code: string | undefined): string | null {
  switch (code) {
    case "42501":
      return "crm_sync_reader may look, crm_sync_operator may act, and only the owner may read records: connect as one of them.";
    case "3F000":
      return "Is crm-sync installed in this database? README, On hosted Supabase.";
    case "42P01":
      return "Give the table as it is named in the database: public.requests.";
    default:
      return null;
  }
}
