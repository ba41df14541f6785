/** What has been released: its migrations stand still for ever, because databases have run them. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../sql-files.ts";

export interface Release {
  version: string;
  /** File name to SHA-256 of its text. */
  migrations: Record<string, { sha256: string }>;
}

export const MIGRATIONS = join(ROOT, "supabase", "migrations");
export const RELEASES = join(ROOT, "sql", "releases.json");

/** Oldest first. */
export function readReleases(): Release[] {
  return JSON.parse(readFileSync(RELEASES, "utf8")) as Release[];
}

/** The release that the working tree is, or is about to be. */
export function currentVersion(): string {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    version: string;
  };
  return version;
}

/** Names the released migrations that are gone or have another text; empty when all is well. */
export function changedReleases(releases: Release[] = readReleases()): string[] {
  return releases.flatMap(({ version, migrations }) =>
    Object.entries(migrations)
      .filter(([file, { sha256 }]) => {
        const path = join(MIGRATIONS, file);
        return !existsSync(path) || sha256Of(readFileSync(path, "utf8")) !== sha256;
      })
      .map(([file]) => `${file}, which ${version} released, is another one or gone`),
  );
}

/** The migrations of the working tree, by file name, in their order. */
export function readMigrations(): Map<string, string> {
  const files = readdirSync(MIGRATIONS).filter((file) => file.endsWith(".sql"));
  return new Map(files.sort().map((file) => [file, readFileSync(join(MIGRATIONS, file), "utf8")]));
}

/** A migration's name behind its stamp, by which it is known again where it is stamped anew. */
export function nameOf(file: string): string {
  return file.replace(/^\d+_/, "");
}

/** Of the sample tables; whoever has tables of their own leaves it out. */
export function isSample(file: string): boolean {
  return nameOf(file).startsWith("sample_tables");
}

export function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
