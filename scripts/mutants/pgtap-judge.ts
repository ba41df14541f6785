/** Judges by the pgTAP tests: those that enter a mutated function, the nearest first, up to the first red one. */
import { basename, dirname } from "node:path";
import type { Coverage } from "./coverage.ts";
import type { Judge, Subject } from "./judges.ts";
import { openPgtapSession } from "./pgtap-session.ts";

/** Longer than a hundred others: it would judge each mutant that lives, and tell no more than they. */
const SLOW_MS = 3_000;
/** A statement may take this long, or ten times as long as its whole file did before. */
const STATEMENT_LIMIT_MS = 10_000;

export function pgtapJudge({ tests, coverage }: { tests: string[]; coverage: Coverage }): Judge {
  return {
    name: "pgtap",
    timeLimitMs: 300_000,
    judge: async (subject) => {
      const session = await openPgtapSession(subject.url);
      try {
        for (const test of nearestFirst(subject, tests, coverage)) {
          const limit = Math.max(STATEMENT_LIMIT_MS, 10 * (coverage[test]?.durationMs ?? 0));
          const red = await session.run(test, limit);
          if (red !== undefined) return describe(test, red);
        }
        return undefined;
      } finally {
        await session.end();
      }
    },
  };
}

function nearestFirst(subject: Subject, tests: string[], coverage: Coverage): string[] {
  const known = new Set(Object.values(coverage).flatMap(({ functions }) => functions ?? []));
  // One that no test enters may still be read by one.
  const isCounted = subject.affected.every((name) => known.has(name));
  const near = topicsOf(subject);
  const distance = (test: string) => {
    const { functions, durationMs = 0 } = coverage[test] ?? {};
    return (
      (near.has(basename(dirname(test))) ? 0 : 1000) + (functions?.length ?? 500) + durationMs / 10
    );
  };
  return tests
    .filter((test) => {
      const { isRed, functions, durationMs = 0 } = coverage[test] ?? {};
      if (isRed || durationMs > SLOW_MS) return false;
      return !isCounted || !functions || subject.affected.some((name) => functions.includes(name));
    })
    .sort((a, b) => distance(a) - distance(b) || (a < b ? -1 : 1));
}

/** Folders of tests/db are called like what they test: a function without underscore, or the file it stands in. */
function topicsOf({ file, affected }: Subject): Set<string> {
  const stem = basename(file);
  const stage = dirname(file).replace(/^\d+_/, "");
  return new Set([
    stem,
    stem.replace(/s$/, ""),
    stage,
    ...affected.map((name) => name.replace(/^_/, "")),
  ]);
}

function describe(test: string, red: string): string {
  return `${test.replace(/^tests\/db\//, "").replace(/\.test\.sql$/, "")}: ${red.slice(0, 200)}`;
}
