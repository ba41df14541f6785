/** The functions that a file of sql/ creates, each as the statement that would replace it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, sqlFiles } from "../sql-files.ts";
import { layersOf } from "./tokens.ts";

export interface SqlFunction {
  /** Below sql/crm_sync, without ending: `06_dispatch/keys`. */
  file: string;
  name: string;
  /** `create or replace function … ;` */
  sql: string;
}

const STAGES = ["05_capture", "06_dispatch", "07_retry", "08_reconcile"];

/** Functions of the stages whose mistakes lose, double or reorder deliveries. */
export function functionsUnderTest(): SqlFunction[] {
  return sqlFiles("crm_sync")
    .filter((path) => STAGES.some((stage) => path.includes(`/${stage}/`)))
    .flatMap((path) =>
      functionsIn(
        readFileSync(join(ROOT, path), "utf8"),
        path.replace("sql/crm_sync/", "").replace(/\.sql$/, ""),
      ),
    );
}

export function functionsIn(text: string, file: string): SqlFunction[] {
  const tokens = layersOf(text)[0]?.tokens ?? [];
  const functions: SqlFunction[] = [];
  let first = 0;
  for (const [index, token] of tokens.entries()) {
    if (token.word !== ";") continue;
    const [create, kind, , , name] = tokens.slice(first, index);
    if (create?.word === "create" && kind?.word === "function" && name) {
      const sql = text.slice(create.end, token.end);
      functions.push({ file, name: name.text, sql: `create or replace${sql}` });
    }
    first = index + 1;
  }
  return functions;
}
