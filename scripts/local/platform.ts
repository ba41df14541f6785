/** Makes of a plain Postgres database one that looks like a hosted Supabase project's: roles, rights, extensions. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { withClient } from "../with-client.ts";

/** In the order in which they need each other. */
const PARTS = ["roles", "extensions", "net", "cron", "vault", "auth"] as const;

/**
 * Installs the stand-ins into the database that the URL names; the caller must be the bootstrap superuser `supabase_admin`.
 * Does nothing where they are installed already, so it is safe to repeat. All or nothing.
 * `pg_extension` then lists pg_net 0.20.4, pg_cron 1.6 and supabase_vault 0.3.1, and the comments on their schemas
 * and extensions begin with "stand-in".
 * Throws if the database has the real extensions.
 */
export async function installPlatform(superuserUrl: string): Promise<void> {
  await withClient(superuserUrl, async (client) => {
    const { rows } = await client.query<{ name: string; note: string | null }>(
      "select nspname as name, obj_description(oid, 'pg_namespace') as note from pg_namespace where nspname = 'net'",
    );
    const [net] = rows;
    if (net?.note?.startsWith("stand-in")) return;
    if (net)
      throw new Error(
        "this database has a schema net of its own: the stand-ins are for an empty one",
      );
    const sql = PARTS.map((part) =>
      readFileSync(new URL(`./stand-ins/${part}.sql`, import.meta.url), "utf8"),
    );
    // One message is one transaction.
    await client.query(sql.join("\n"));
  });
}

/** Installs pgTAP (from the SQL that `@electric-sql/pglite-pgtap` ships) into schema extensions. Safe to repeat. */
export async function installPgtap(superuserUrl: string): Promise<void> {
  await withClient(superuserUrl, async (client) => {
    const { rowCount } = await client.query("select from pg_extension where extname = 'pgtap'");
    if (rowCount) return;
    const { version, sql } = readPgtap();
    await client.query(`
      set local search_path = extensions, public;
      set local client_min_messages = warning;
      ${sql}
      select stand_in.register_extension('pgtap', '${version}', 'extensions');
    `);
  });
}

function readPgtap(): { version: string; sql: string } {
  const bundle = new URL("./pgtap.tar.gz", import.meta.resolve("@electric-sql/pglite-pgtap"));
  const files = untar(gunzipSync(readFileSync(bundle)));
  const extension = (name: string) => {
    const text = files.get(`share/postgresql/extension/${name}`);
    if (text === undefined) throw new Error(`@electric-sql/pglite-pgtap no longer ships ${name}`);
    return text;
  };
  const version = /default_version\s*=\s*'([0-9.]+)'/.exec(extension("pgtap.control"))?.[1];
  return { version: version as string, sql: extension(`pgtap--${version}.sql`) };
}

/** The regular files of a tar archive, by name. A header has 512 bytes: the name at 0, the size in octal at 124. */
function untar(archive: Buffer): Map<string, string> {
  const files = new Map<string, string>();
  const field = (start: number, length: number) =>
    archive
      .toString("utf8", start, start + length)
      .replace(/\0.*$/s, "")
      .trim();
  for (let header = 0; header < archive.length && archive[header] !== 0; ) {
    const size = Number.parseInt(field(header + 124, 12), 8);
    const prefix = field(header + 345, 155);
    const name = (prefix ? `${prefix}/` : "") + field(header, 100);
    files.set(
      name.replace(/^\.\//, ""),
      archive.toString("utf8", header + 512, header + 512 + size),
    );
    header += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}
