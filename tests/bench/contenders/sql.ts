/** Runs a file beside this one. `:name` stands for an identifier or, as `:url`, for a literal; triggers take no parameters. */
import { readFile } from "node:fs/promises";
import pg from "pg";

export async function runFile(
  db: pg.Pool,
  file: string,
  values: { name?: string; url?: string },
): Promise<void> {
  const text = await readFile(new URL(file, import.meta.url), "utf8");
  await db.query(
    text
      .replaceAll(":name", () => pg.escapeIdentifier(values.name ?? ""))
      .replaceAll(":url", () => pg.escapeLiteral(values.url ?? "")),
  );
}

export async function count(db: pg.Pool, sql: string): Promise<number> {
  const { rows } = await db.query<{ count: string }>(sql);
  return Number(rows[0]?.count);
}

/** What pg_net still has to send, and what it keeps of what it has sent. Its worker's pages are cleaned for whoever comes next. */
export async function emptyPgNet(db: pg.Pool): Promise<void> {
  await db.query("delete from net.http_request_queue");
  // What the running batch brings comes until it ends; it is deleted with the rest next time.
  await db.query("delete from net._http_response");
  await db.query("vacuum net.http_request_queue");
  await db.query("vacuum net._http_response");
}
