/** A text of SQL as its statements, and which of them may be said again to a database that holds an older release. */
import { loadModule, parseSync } from "@libpg-query/parser";

await loadModule();

export interface Statement {
  /** As written, with the comments above it; without its semicolon. */
  source: string;
  /** The statement alone, `create or replace` as `create`: equal texts do the same. */
  text: string;
  /** What it makes or describes, and nothing else can; null where that can not be said. */
  object: string | null;
}

/** Of this beginning to each statement belongs an object of its own: the newest such statement is the one that counts. */
const OBJECTS = [
  /^create (?:constraint )?(?:trigger|index|unique index|table|type|sequence) [\w.]+/,
  /^create policy \w+ on [\w.]+/,
  /^create view [\w.]+/,
  /^create function [\s\S]*?\)(?=\s+returns\s)/,
  /^comment on [\s\S]*?(?=\s+is\s)/,
];

/** Throws Postgres's own message where the text is no SQL. */
export function statementsOf(sql: string): Statement[] {
  const bytes = Buffer.from(sql);
  return (parseSync(sql).stmts ?? []).map(({ stmt_location: start = 0, stmt_len: length }) => {
    const end = length ? start + length : bytes.length;
    const source = bytes.subarray(start, end).toString().trim();
    const text = source
      .replace(/^(?:\s*--[^\n]*\n)+/, "")
      .trim()
      .replace(/^create or replace /, "create ");
    return { source, text, object: objectOf(text) };
  });
}

/** What does the same however often it is said. `do` blocks are written so, as in schema.sql. */
const SAFE_TO_REPEAT = [
  /^(comment on|grant|revoke|do) /,
  /^alter table \S+ enable row level security$/,
  /^select crm_sync\.(define_route|attach|attach_related)\(/,
  /^create (schema|extension) if not exists /,
];

/** The statement for a database that may hold an older one of its kind; null: only a person can say what is to be done there. */
export function repeatable({ source, text }: Statement, isNew: boolean): string | null {
  if (/^create (function|view) /.test(text)) {
    return source.replace(/^create (?=(function|view) )/m, "create or replace ");
  }
  const isSafe = SAFE_TO_REPEAT.some((pattern) => pattern.test(text));
  return isSafe || (isNew && /^create /.test(text)) ? source : null;
}

function objectOf(text: string): string | null {
  for (const pattern of OBJECTS) {
    const [found] = pattern.exec(text) ?? [];
    if (found) return found.replace(/\s+/g, " ");
  }
  return null;
}
