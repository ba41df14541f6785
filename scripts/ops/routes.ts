/** A route that was typed, before an empty answer could be believed. */
import type { Query } from "./database.ts";
import { wrongUsage } from "./errors.ts";

/** Throws, with those there are, where the database knows no such route. */
export async function requireRoute(query: Query, route: string | undefined): Promise<void> {
  if (route === undefined) return;
  const routes = await query("select route from crm_sync.routes order by position");
  const known = routes.map((row) => row.route);
  if (known.includes(route)) return;
  throw wrongUsage(`crm-sync knows no route "${route}"`, `known routes: ${known.join(", ")}`);
}
