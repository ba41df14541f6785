/** What every data API call comes to: one statement with bound values, and how its answer looks. */

export interface Statement {
  sql: string;
  values: unknown[];
  /** Status when it succeeds. */
  status: number;
  /** rows: a JSON array; value: one JSON value; nothing: an empty answer. */
  answer: "rows" | "value" | "nothing";
}

export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export const qualified = (schema: string, name: string): string =>
  `${quote(schema)}.${quote(name)}`;

/** Runs a query for its rows, all as one JSON text, so that numbers stay exact. */
export const asJsonRows = (query: string): string =>
  `with pgrst_source as (${query}) select coalesce(json_agg(pgrst_source), '[]')::text as body, count(*)::int as count from pgrst_source`;

/** Runs a query for its effect. */
export const asCount = (query: string): string =>
  `with pgrst_source as (${query}) select null as body, count(*)::int as count from pgrst_source`;
