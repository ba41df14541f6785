/** Runs the Supabase CLI that npm installed, without Docker: every command is given its server. */
import { execa } from "execa";
import { ROOT } from "./sql-files.ts";

export interface CliResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  /** The folder that holds supabase/. Default: this repository. */
  workdir?: string;
  env?: Record<string, string>;
}

/** Never throws for a command that fails: the caller reads the exit code. */
export async function supabase(args: string[], options: CliOptions = {}): Promise<CliResult> {
  const result = await execa("supabase", [...args, "--agent", "no"], {
    cwd: ROOT,
    preferLocal: true,
    reject: false,
    stdin: "ignore",
    env: { SUPABASE_WORKDIR: options.workdir ?? ROOT, DO_NOT_TRACK: "1", ...options.env },
  });
  return { exitCode: result.exitCode ?? 1, stdout: result.stdout, stderr: result.stderr };
}

/** `--remote` for any server; without TLS, which our own servers do not speak. */
export function remote(url: string): string {
  const target = new URL(url);
  target.protocol = "postgresql:";
  if (!target.searchParams.has("sslmode")) target.searchParams.set("sslmode", "disable");
  return `--remote=${target.href}`;
}

/**
 * Applies supabase/migrations as `supabase db push` does on a hosted project, without touching Vault.
 * Throws with its output when it fails, or when it does not understand a line of config.toml.
 */
export async function pushMigrations(url: string, options: CliOptions = {}): Promise<void> {
  const { exitCode, stdout, stderr } = await supabase(
    ["db", "push", remote(url), "--skip-vault", "--yes"],
    options,
  );
  const puzzled = stderr.includes("WARN: supabase/config.toml");
  if (exitCode !== 0 || puzzled)
    throw new Error(`supabase db push failed:\n${stdout}\n${stderr}`.trim());
}
