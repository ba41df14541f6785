/** The function's mappers as the working tree has them, or another revision of it. */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { execa } from "execa";
import { ROOT } from "../../sql-files.ts";
import { OpsError, wrongUsage } from "../errors.ts";
import type { Outcome } from "./compare.ts";

const FUNCTION = "supabase/functions/crm-sync";

/** A delivery's record as text: each revision reads its numbers by itself. */
export interface KeptRecord {
  delivery_id: number;
  route: string;
  captured_at: string;
  record: string;
}

export type Mappers = (kept: KeptRecord) => Outcome;

export function mappersOfWorkingTree(): Promise<Mappers> {
  return loadMappers(join(ROOT, FUNCTION), "the working tree");
}

/** Its files lie in a temporary folder while they are loaded. */
export async function mappersOfRevision(revision: string): Promise<Mappers> {
  const commit = await commitOf(revision);
  const folder = mkdtempSync(join(tmpdir(), "crm-sync-ops-"));
  try {
    const archive = await execa("git", ["archive", commit, FUNCTION], {
      ...{ cwd: ROOT, encoding: "buffer", reject: false },
    });
    if (archive.failed) throw new OpsError(`revision ${revision} has no ${FUNCTION}`);
    await execa("tar", ["-x", "-C", folder], { input: archive.stdout });
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"), "junction");
    return await loadMappers(join(folder, FUNCTION), `revision ${revision}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function commitOf(revision: string): Promise<string> {
  const { failed, stdout } = await execa(
    "git",
    ["rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{commit}`],
    { cwd: ROOT, reject: false },
  );
  if (!failed) return stdout;
  throw wrongUsage(
    `git knows no revision "${revision}"`,
    "--against HEAD~1, a branch, a tag or a commit.",
  );
}

async function loadMappers(folder: string, name: string): Promise<Mappers> {
  const load = (file: string) => import(pathToFileURL(join(folder, file)).href);
  try {
    const { routeNamed }: typeof import("../../../supabase/functions/crm-sync/routes.ts") =
      await load("routes.ts");
    const json: typeof import("../../../supabase/functions/crm-sync/json.ts") =
      await load("json.ts");
    const { siteUrl }: typeof import("../../../supabase/functions/crm-sync/site.ts") =
      await load("site.ts");
    const site = siteUrl((variable) => process.env[variable]);
    return (kept) => mapped(kept, routeNamed(kept.route), json, site);
  } catch (error) {
    throw new OpsError(`the mappers of ${name} can not be loaded: ${(error as Error).message}`);
  }
}

type Json = typeof import("../../../supabase/functions/crm-sync/json.ts");
type Route = import("../../../supabase/functions/crm-sync/routes.ts").Route;

function mapped(kept: KeptRecord, route: Route | null, json: Json, site: string): Outcome {
  if (!route) return { refused: "misconfigured: no such route" };
  try {
    const context = { capturedAt: kept.captured_at, site };
    const prepared = route.prepare(json.parseJson(kept.record), context);
    if ("payload" in prepared) {
      const { destination, path } = route;
      return { destination, path, payload: json.stringifyJson(prepared.payload) };
    }
    const fields = prepared.refusals.map(({ field, expected }) => `${field}: expected ${expected}`);
    return { refused: `${prepared.fault}: ${fields.join("; ")}` };
  } catch {
    return { refused: "misconfigured: the mapper fails on this record" };
  }
}
