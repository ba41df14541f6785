/** What is asked of and told to a person while a command works. On standard error: the output stays for scripts. */
import { OpsError } from "./errors.ts";

export interface AskOptions {
  yes?: true;
}

export const YES: [flags: string, description: string] = [
  "--yes",
  "do not ask where more than one row is touched",
];

/** Returns once it is agreed to. Where nobody can be asked, only --yes agrees. */
export async function agree(options: AskOptions, question: string): Promise<void> {
  if (options.yes) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new OpsError(`${question} Nothing was done.`, "--yes does it without asking.");
  }
  const { confirm } = await import("@clack/prompts");
  const answer = await confirm({ message: question, initialValue: false, output: process.stderr });
  if (answer !== true) throw new OpsError("Nothing was done.");
}

/** Shows on a terminal that, and how far, work goes on. */
export async function withProgress<T>(
  title: string,
  work: (say: (text: string) => void) => Promise<T>,
): Promise<T> {
  if (!process.stderr.isTTY) return work(() => undefined);
  const { spinner } = await import("@clack/prompts");
  const shown = spinner({ output: process.stderr, indicator: "timer" });
  shown.start(title);
  try {
    return await work((text) => shown.message(text));
  } finally {
    shown.clear();
  }
}
