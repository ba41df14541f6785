/** A hosted project by its URL and secret key, for whoever has no way to its database. */
import { isLoopback } from "../loopback.ts";
import type { Row } from "./database.ts";
import { OpsError, wrongUsage } from "./errors.ts";

/** Calls one of the dashboard's functions (public.crm_sync_…) with the key in SUPABASE_SECRET_KEY. */
export async function callProject(
  projectUrl: string,
  name: `crm_sync_${string}`,
  args: object = {},
): Promise<Row[]> {
  const [url, key] = [checkedUrl(projectUrl), secretKey()];
  // Only here: it is the slowest of all to load.
  const { createSupabaseClient } = await import("../supabase-client.ts");
  const { data, error } = await createSupabaseClient(url, key).rpc(name, args);
  if (!error) return (data as Row[]).map(withTimes);
  if (!error.code) throw new OpsError(`the project does not answer: ${error.message}`);
  throw new OpsError(`${error.message} (${error.code})`, error.hint || null);
}

function checkedUrl(url: string): string {
  const hint = "--project-url https://<project>.supabase.co";
  if (!/^https?:/i.test(url) || !URL.canParse(url)) {
    throw wrongUsage("the project URL is no URL", hint);
  }
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:" || isLoopback(hostname)) return url;
  throw wrongUsage("the secret key would travel in clear", hint);
}

function secretKey(): string {
  const key = process.env.SUPABASE_SECRET_KEY?.trim();
  if (key) return key;
  throw wrongUsage(
    "SUPABASE_SECRET_KEY is not set",
    "The project's secret key (Settings → API keys); by the environment only, so that no history keeps it.",
  );
}

/** JSON has no times: as a database connection gives them. */
function withTimes(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      name.endsWith("_at") && typeof value === "string" ? new Date(value) : value,
    ]),
  );
}
