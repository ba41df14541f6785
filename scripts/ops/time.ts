/** A time as a person types it. */
import type { Query } from "./database.ts";

/** For --help. */
export const TIME_HELP = "'2 days ago', yesterday, 2026-11-22 14:00, …: as Postgres reads it";

/** As text, by the database's clock and time zone. */
export async function toTime(query: Query, text: string): Promise<string> {
  // Postgres reads "2 days ago" as an interval, not as a time.
  const isAgo = /\bago\s*$/i.test(text);
  const [row] = await query(
    isAgo ? "select (now() + $1::interval)::text as at" : "select $1::timestamptz::text as at",
    [text],
  );
  return String(row?.at);
}
