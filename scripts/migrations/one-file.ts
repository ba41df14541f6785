/**
 * All migrations of crm-sync, without the sample tables, as one statement for any Postgres: psql, Studio's editor or a
 * deployment tool runs it; an older release is brought to the newest, the newest stays as it is.
 */
import { isSample, type Release } from "./releases.ts";

export function oneFile(releases: Release[], migrations: Map<string, string>): string {
  const versions = releases.map(({ version }) => version);
  const steps = releases.map(({ version, migrations: files }, index) => {
    const texts = Object.keys(files)
      .filter((file) => !isSample(file))
      .map((file) => migrations.get(file) ?? "");
    const tag = `$crm_sync_${version.replaceAll(".", "_")}$`;
    const older = ["none", ...versions.slice(0, index)].map((name) => `'${name}'`).join(", ");
    return `    if v_installed in (${older}) then\n        execute ${tag}\n${texts.join("\n")}${tag};\n    end if;\n`;
  });
  const known = ["none", ...versions].map((name) => `'${name}'`).join(", ");
  return `${headOf(versions.at(-1) ?? "", known)}${steps.join("")}end\n$crm_sync$;\n`;
}

function headOf(version: string, known: string): string {
  return `-- crm-sync ${version} for a Postgres 15 to 17; made by npm run -s migrations -- --one-file. start() wants pg_net, pg_cron and Vault.
-- Role: owner of the database, with createrole.
-- psql "$DATABASE_URL" -X -v ON_ERROR_STOP=1 --single-transaction -f crm-sync.sql
-- Installs, or brings an older release to this one, or changes nothing. One statement: all of it or nothing. Safe to repeat.
do $crm_sync$
declare
    v_installed text := 'none';
begin
    if to_regprocedure('crm_sync.version()') is not null then
        execute 'select crm_sync.version()' into v_installed;
    elsif to_regnamespace('crm_sync') is not null then
        raise exception 'there is a schema crm_sync, and it is none of ours' using errcode = '42P06';
    end if;
    if v_installed <> all (array[${known}]) then
        raise exception 'crm-sync % is installed, which this file does not know', v_installed
            using errcode = 'CS036', hint = 'It leads to ${version}; a newer release leads further.';
    end if;
    raise notice 'crm-sync: % is installed, this is ${version}', v_installed;
`;
}
