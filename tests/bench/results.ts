/** What a run leaves behind: every figure, and what it was measured on. No name of a host, no path. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, totalmem } from "node:os";
import { ROOT } from "../../scripts/sql-files.ts";
import type { Plan } from "./plan.ts";
import type { Series } from "./series.ts";
import type { ServerFacts } from "./servers/server.ts";
import type { Verdict } from "./verdicts.ts";

export interface MeasureResult {
  measure: string;
  title: string;
  series: Series[];
  verdicts: Verdict[];
}

export interface RunResult {
  date: string;
  form: "short" | "full";
  commit: string;
  /** Whether files differed from the commit. */
  isChanged: boolean;
  machine: { cpu: string; cores: number; memoryGb: number; platform: string };
  server: ServerFacts;
  versions: Record<string, string>;
  graphileWorkerConcurrency: number;
  plan: Plan;
  measures: MeasureResult[];
}

export function describeRun(
  form: "short" | "full",
  server: ServerFacts,
  plan: Plan,
): Omit<RunResult, "measures" | "graphileWorkerConcurrency"> {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: ROOT, encoding: "utf8" });
  return {
    date: new Date().toISOString(),
    form,
    commit: git("rev-parse", "--short=12", "HEAD").trim(),
    isChanged: git("status", "--porcelain", "--", "sql", "supabase/functions").trim() !== "",
    machine: {
      cpu: cpus()[0]?.model.trim() ?? "unknown",
      cores: availableParallelism(),
      memoryGb: Math.round(totalmem() / 2 ** 30),
      platform: `${process.platform} ${process.arch}`,
    },
    server,
    versions: {
      node: process.versions.node,
      deno: versionOf("deno"),
      "graphile-worker": versionOf("graphile-worker"),
      pg: versionOf("pg"),
    },
    plan,
  };
}

function versionOf(name: string): string {
  const load = createRequire(import.meta.url);
  return (load(`${name}/package.json`) as { version: string }).version;
}

/** One file for each form and platform: the newest run replaces the one before, and version control keeps that. */
export function writeResult(result: RunResult, partial: boolean): string {
  const platform = result.server.platform.replace(" ", "-");
  const file = `${partial ? "partial-" : ""}${result.form}-${platform}.json`;
  const text = `${JSON.stringify(result, shorten, 1)}\n`;
  writeFileSync(new URL(`./results/${file}`, import.meta.url), text);
  return `tests/bench/results/${file}`;
}

/** A microsecond is finer than any of these clocks. JSON knows no infinity. */
function shorten(_key: string, value: unknown): unknown {
  if (typeof value !== "number" || Number.isInteger(value)) return value;
  return Number.isFinite(value) ? Number(value.toFixed(4)) : String(value);
}
