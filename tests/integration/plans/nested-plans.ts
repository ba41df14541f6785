/** What Postgres did for a statement and for every statement inside its functions, as auto_explain tells it. */
import pg from "pg";

export interface Scan {
  /** Seq Scan, Index Scan, Bitmap Heap Scan …, or a join that threw rows away. */
  kind: string;
  /** With its schema; the index's name where it stands alone. */
  table: string | null;
  index: string | null;
  /** Rows that were read from the table, also those that a filter then removed, in all loops. */
  rows: number;
  /** The statement in a function, cut to its beginning. */
  statement: string;
}

interface Node {
  "Node Type": string;
  Schema?: string;
  "Relation Name"?: string;
  "Index Name"?: string;
  "Actual Rows"?: number;
  "Actual Loops"?: number;
  "Rows Removed by Filter"?: number;
  "Rows Removed by Index Recheck"?: number;
  "Rows Removed by Join Filter"?: number;
  Plans?: Node[];
}

/** A session that hears of its plans. auto_explain takes a superuser; what runs, runs as `postgres`. */
export async function openExplained(superuserUrl: string): Promise<Explained> {
  const client = new pg.Client({ connectionString: superuserUrl });
  await client.connect();
  let scans: Scan[] = [];
  client.on("notice", (notice) => scans.push(...scansIn(notice.message ?? "")));
  await client.query(`
    load 'auto_explain';
    set auto_explain.log_min_duration = 0;
    set auto_explain.log_nested_statements = on;
    set auto_explain.log_analyze = on;
    set auto_explain.log_timing = off;
    set auto_explain.log_verbose = on;
    set auto_explain.log_format = json;
    set auto_explain.log_level = notice;
    set session authorization postgres;
  `);
  return {
    client,
    scansOf: async (sql) => {
      scans = [];
      await client.query(sql);
      return scans;
    },
  };
}

export interface Explained {
  client: pg.Client;
  scansOf(sql: string): Promise<Scan[]>;
}

function scansIn(message: string): Scan[] {
  const start = message.indexOf("{");
  if (!message.startsWith("duration") || start < 0) return [];
  const { "Query Text": text, Plan: plan } = JSON.parse(message.slice(start)) as {
    "Query Text": string;
    Plan: Node;
  };
  const statement = text.trim().replace(/\s+/g, " ").slice(0, 90);
  return nodesOf(plan).flatMap((node) => {
    // A bitmap's index names no table.
    const table = node["Relation Name"]
      ? `${node.Schema}.${node["Relation Name"]}`
      : node["Index Name"];
    const thrownAway = node["Rows Removed by Join Filter"];
    const isScan = table !== undefined && node["Node Type"].includes("Scan");
    if (!isScan && thrownAway === undefined) return [];
    const read = isScan
      ? (node["Actual Rows"] ?? 0) +
        (node["Rows Removed by Filter"] ?? 0) +
        (node["Rows Removed by Index Recheck"] ?? 0)
      : (thrownAway ?? 0);
    return {
      kind: node["Node Type"],
      table: isScan ? table : null,
      index: node["Index Name"] ?? null,
      rows: read * (node["Actual Loops"] ?? 1),
      statement,
    };
  });
}

function nodesOf(node: Node): Node[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}
