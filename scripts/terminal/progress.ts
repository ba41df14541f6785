/** Steps as they are done, one line each. */
import pc from "picocolors";

export interface Progress {
  step(name: string): void;
  done(): void;
  failed(): void;
}

export function showProgress(): Progress {
  const isTerminal = process.stdout.isTTY;
  let current: { name: string; since: number } | null = null;

  function finish(mark: string): void {
    if (!current) return;
    const seconds = ((Date.now() - current.since) / 1000).toFixed(1);
    console.log(
      `${isTerminal ? "\r" : ""}${mark} ${current.name.padEnd(14)}${pc.dim(`${seconds} s`)}`,
    );
    current = null;
  }

  return {
    step(name) {
      finish(pc.green("✓"));
      current = { name, since: Date.now() };
      if (isTerminal) process.stdout.write(`${pc.dim("…")} ${name}`);
    },
    done: () => finish(pc.green("✓")),
    failed: () => finish(pc.red("✗")),
  };
}
