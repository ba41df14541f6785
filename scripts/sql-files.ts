/** The SQL files that are installed, in the order in which they are installed. */
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** sql/crm_sync is ours; sql/app the sample business tables with their attach() calls. */
export type Part = "crm_sync" | "app";

/**
 * Paths below the repository's root, sorted; in its folder a file `tables.sql` comes first,
 * because what stands beside it is about these tables.
 */
export function sqlFiles(part: Part): string[] {
  return readdirSync(join(ROOT, "sql", part), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".sql"))
    .map((file) => `sql/${part}/${file.replaceAll("\\", "/")}`)
    .sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

function sortKey(path: string): string {
  return basename(path) === "tables.sql" ? path.replace(/tables\.sql$/, "") : path;
}
