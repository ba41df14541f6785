/**
 * Single-table reads and writes as supabase-js asks for them. No embedding, no upsert, no JSON paths:
 * what is missing is refused by name, never ignored.
 */
import type pg from "pg";
import { ApiError } from "./errors.ts";
import { asCount, asJsonRows, qualified, quote, type Statement } from "./statement.ts";

export interface TableCall {
  schema: string;
  table: string;
  method: "GET" | "POST" | "PATCH" | "DELETE";
  query: URLSearchParams;
  /** The header Prefer. */
  prefer: string;
  body: string;
}

type Bind = (value: unknown) => string;

const NOT_FILTERS = new Set(["select", "order", "limit", "offset", "columns", "on_conflict"]);
const COMPARISONS: Record<string, string> = {
  eq: "=",
  neq: "<>",
  gt: ">",
  gte: ">=",
  lt: "<",
  lte: "<=",
};
const IS_VALUES = new Set(["null", "true", "false", "unknown"]);

/** Builds the statement for a call to `/rest/v1/<table>`; throws ApiError for what cannot be asked. */
export async function tableStatement(db: pg.ClientBase, call: TableCall): Promise<Statement> {
  await requireTable(db, call);
  const values: unknown[] = [];
  const bind: Bind = (value) => `$${values.push(value)}`;
  const name = qualified(call.schema, call.table);
  const wantsRows = call.method === "GET" || call.prefer.includes("return=representation");
  const build = { GET: select, POST: insert, PATCH: update, DELETE: remove }[call.method];
  const sql = build(call, name, bind, wantsRows ? selection(call.query) : "1");
  return {
    sql: wantsRows ? asJsonRows(sql) : asCount(sql),
    values,
    status: call.method === "POST" ? 201 : wantsRows ? 200 : 204,
    answer: wantsRows ? "rows" : "nothing",
  };
}

function select(call: TableCall, name: string, bind: Bind, columns: string): string {
  const limit = call.query.get("limit");
  const offset = call.query.get("offset");
  return [
    `select ${columns} from ${name}`,
    where(call.query, bind),
    order(call.query),
    limit === null ? "" : `limit ${bind(limit)}`,
    offset === null ? "" : `offset ${bind(offset)}`,
  ].join(" ");
}

function insert(call: TableCall, name: string, bind: Bind, returning: string): string {
  if (call.prefer.includes("resolution=")) throw unsupported("an upsert");
  const rows = parseRows(call.body);
  const columns = insertedColumns(call.query, rows).map(quote).join(", ");
  if (columns === "") return `insert into ${name} default values returning ${returning}`;
  return `insert into ${name} (${columns})
    select ${columns} from json_populate_recordset(null::${name}, ${bind(asArray(call.body))}::json)
    returning ${returning}`;
}

function update(call: TableCall, name: string, bind: Bind, returning: string): string {
  const [row, ...more] = parseRows(call.body);
  if (!row || more.length > 0) throw invalidJson();
  const columns = Object.keys(row).map(quote);
  const changes = columns.map((column) => `${column} = pgrst_body.${column}`).join(", ");
  const given = `json_populate_record(null::${name}, ${bind(call.body)}::json)`;
  return `update ${name} set ${changes} from ${given} as pgrst_body
    ${required(where(call.query, bind, name), "UPDATE")}
    returning ${returning === "1" ? "1" : qualifySelection(returning, name)}`;
}

function remove(call: TableCall, name: string, bind: Bind, returning: string): string {
  return `delete from ${name} ${required(where(call.query, bind), "DELETE")} returning ${returning}`;
}

/** Without a filter the platform refuses too (its extension safeupdate). */
function required(condition: string, verb: string): string {
  if (condition === "") throw new ApiError(400, "21000", `${verb} requires a WHERE clause`);
  return condition;
}

function where(query: URLSearchParams, bind: Bind, table?: string): string {
  const conditions = [...query]
    .filter(([name]) => !NOT_FILTERS.has(name))
    .map(([column, filter]) =>
      condition(table ? `${table}.${quote(column)}` : quote(column), filter, bind),
    );
  return conditions.length === 0 ? "" : `where ${conditions.join(" and ")}`;
}

function condition(column: string, filter: string, bind: Bind): string {
  const [, not, operator = "", value = ""] = /^(not\.)?([a-z]+)\.(.*)$/s.exec(filter) ?? [];
  const positive = () => {
    const comparison = COMPARISONS[operator];
    if (comparison) return `${column} ${comparison} ${bind(value)}`;
    if (operator === "is" && IS_VALUES.has(value)) return `${column} is ${value}`;
    if (operator === "in") return `${column} = any (${bind(parseList(value))})`;
    throw unsupported(`the filter ${filter}`);
  };
  return not ? `not (${positive()})` : positive();
}

/** `(a,"b,c")` → a; b,c */
function parseList(list: string): string[] {
  const items = list.replace(/^\(|\)$/g, "").matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/g);
  return [...items].map(([, quoted, bare]) => quoted?.replace(/\\(.)/g, "$1") ?? bare ?? "");
}

function order(query: URLSearchParams): string {
  const terms = (query.get("order") ?? "").split(",").filter(Boolean);
  const written = terms.map((term) => {
    const match = /^([^.()]+)(\.(?:asc|desc))?(\.(?:nullsfirst|nullslast))?$/.exec(term);
    if (!match?.[1]) throw unsupported(`the order ${term}`);
    const nulls = match[3] ? ` nulls ${match[3].slice(6)}` : "";
    return `${quote(match[1])}${(match[2] ?? "").replace(".", " ")}${nulls}`;
  });
  return written.length === 0 ? "" : `order by ${written.join(", ")}`;
}

function selection(query: URLSearchParams): string {
  const terms = (query.get("select") ?? "*").split(",");
  return terms
    .map((term) => {
      if (term === "*") return "*";
      const match = /^(?:([\w ]+):)?([\w ]+)(?:::([\w ]+))?$/.exec(term.trim());
      if (!match?.[2]) throw unsupported(`the selection ${term}`);
      const [, alias, column, type] = match;
      return `${quote(column)}${type ? `::${quote(type)}` : ""} as ${quote(alias ?? column)}`;
    })
    .join(", ");
}

/** Only an update has a second source of columns beside the table. */
function qualifySelection(columns: string, table: string): string {
  return columns === "*" ? `${table}.*` : columns.replace(/(^|, )(")/g, `$1${table}.$2`);
}

async function requireTable(db: pg.ClientBase, { schema, table }: TableCall): Promise<void> {
  const { rowCount } = await db.query(
    `select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p', 'v', 'm', 'f')`,
    [schema, table],
  );
  if (rowCount) return;
  const message = `Could not find the table '${schema}.${table}' in the schema cache`;
  throw new ApiError(404, "PGRST205", message);
}

function insertedColumns(query: URLSearchParams, rows: Record<string, unknown>[]): string[] {
  const asked = query.get("columns");
  if (asked) return parseList(asked);
  const columns = Object.keys(rows[0] ?? {});
  const same = rows.every((row) => Object.keys(row).sort().join() === [...columns].sort().join());
  if (!same) throw new ApiError(400, "PGRST102", "All object keys must match");
  return columns;
}

function parseRows(body: string): Record<string, unknown>[] {
  try {
    const parsed: unknown = JSON.parse(body);
    const rows = [parsed].flat();
    if (rows.every((row) => typeof row === "object" && row !== null)) {
      return rows as Record<string, unknown>[];
    }
  } catch {
    throw invalidJson();
  }
  throw invalidJson();
}

/** The database reads the text itself, so that no number passes through a double. */
function asArray(body: string): string {
  return body.trimStart().startsWith("[") ? body : `[${body}]`;
}

function invalidJson(): ApiError {
  return new ApiError(400, "PGRST102", "Empty or invalid json");
}

function unsupported(what: string): ApiError {
  return new ApiError(400, "PGRST100", `the local data API does not know ${what}`);
}
