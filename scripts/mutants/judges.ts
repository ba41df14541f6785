/**
 * Who judges a mutant, one after another until one catches it. A judge gets a database in which the mutant is installed,
 * and may do there what it likes; nobody uses it afterwards.
 */
import type { Coverage } from "./coverage.ts";
import { modelJudge } from "./model-judge.ts";
import { pgtapJudge } from "./pgtap-judge.ts";
import { sessionsJudge } from "./sessions-judge.ts";

export interface Subject {
  /** As postgres, who owns the database and is no superuser. */
  url: string;
  superuserUrl: string;
  name: string;
  /** The file below sql/crm_sync, without ending: `06_dispatch/keys`. */
  file: string;
  /** What makes it: `create or replace function …`; nothing for the original. */
  sql: string;
  /** Functions whose definition is not the original's: the mutated ones, and generated ones that follow them. */
  affected: string[];
}

export interface Judge {
  name: string;
  /** A mutant that takes longer is caught, too: by the time-out. */
  timeLimitMs: number;
  /** Asked only about mutants of which nobody has said why they change nothing. */
  isSlow?: boolean;
  /** Says what caught the mutant; nothing if all is as it should be. */
  judge(subject: Subject): Promise<string | undefined>;
}

/** The quick ones first. */
export function allJudges(context: { tests: string[]; coverage: Coverage }): Judge[] {
  return [pgtapJudge(context), sessionsJudge, modelJudge];
}
