/**
 * The behaviour of pg_cron 1.6's launcher, for the stand-in of its schema: runs each active job when it is due, as the
 * job's user in a session of its own, and leaves a row in cron.job_run_details for each run.
 */
import { Cron } from "croner";
import pg from "pg";

export interface CronRunnerOptions {
  /** As the superuser, to the database that holds cron.job. */
  url: string;
  /** Told of what interrupted the runner (it goes on by itself), e.g. a server that is down. */
  onError?: (error: Error) => void;
}

export interface CronRunner {
  /** Resolves when the jobs have been read for the first time. */
  ready: Promise<void>;
  /** Starts no more runs and waits for those under way. */
  stop(): Promise<void>;
}

interface JobRow {
  jobid: string;
  schedule: string;
  command: string;
  database: string;
  username: string;
}

/** What the runner knows of a job between two runs. */
interface Entry {
  job: JobRow;
  timer: NodeJS.Timeout | undefined;
  isRunning: boolean;
  isQueued: boolean;
}

const RESTART_MS = 1_000;
/** Node's timers take no more than 31 bits. */
const LONGEST_TIMER_MS = 2_000_000_000;
const INTERVAL = /^\s*(\d+)\s+seconds?\s*$/i;

/** Starts the runner. It survives restarts of the server. */
export function startCronRunner(options: CronRunnerOptions): CronRunner {
  const stopping = new AbortController();
  let announceReady: () => void;
  const ready = new Promise<void>((done) => {
    announceReady = done;
  });

  async function run(): Promise<void> {
    for (let isStart = true; !stopping.signal.aborted; isStart = false) {
      try {
        await live(options.url, stopping.signal, isStart, announceReady);
      } catch (error) {
        options.onError?.(error as Error);
        await untilAborted(stopping.signal, RESTART_MS);
      }
    }
  }

  const ended = run();
  return {
    ready,
    stop: () => {
      stopping.abort();
      return ended;
    },
  };
}

/** From a connection to its end. */
async function live(
  url: string,
  stopping: AbortSignal,
  isStart: boolean,
  onReady: () => void,
): Promise<void> {
  const entries = new Map<string, Entry>();
  const running = new Set<Promise<void>>();
  const client = new pg.Client({ connectionString: url, application_name: "pg_cron scheduler" });
  const records = new pg.Pool({ connectionString: url, application_name: "pg_cron", max: 2 });
  records.on("error", () => undefined);
  const lost = new Promise<never>((_, fail) => {
    client.on("error", fail);
    client.on("end", () => fail(new Error("connection to the database lost")));
  });
  lost.catch(() => undefined);

  function start(entry: Entry): void {
    if (entries.get(entry.job.jobid) !== entry || stopping.aborted) return;
    if (entry.isRunning) {
      entry.isQueued = true;
      return;
    }
    entry.isRunning = true;
    const run = runJob(records, url, entry.job)
      .catch(() => undefined)
      .then(() => {
        running.delete(run);
        entry.isRunning = false;
        if (entry.isQueued) {
          entry.isQueued = false;
          start(entry);
        }
      });
    running.add(run);
  }

  function arm(entry: Entry, from = new Date()): void {
    const wait = untilNext(entry.job.schedule, from);
    if (wait === undefined) return;
    const due = new Date(from.getTime() + wait);
    const isFar = due.getTime() - Date.now() > LONGEST_TIMER_MS;
    entry.timer = setTimeout(
      () => {
        if (isFar) return arm(entry);
        // A timer may fire a little early; the same minute must not be due twice.
        arm(entry, new Date(Math.max(due.getTime(), Date.now())));
        start(entry);
      },
      isFar ? LONGEST_TIMER_MS : due.getTime() - Date.now(),
    );
  }

  async function readJobs(): Promise<void> {
    const { rows } = await client.query<JobRow>(
      "select jobid, schedule, command, database, username from cron.job where active",
    );
    const wanted = new Map(rows.map((job) => [job.jobid, job]));
    for (const [id, entry] of entries) {
      const job = wanted.get(id);
      if (job && job.schedule === entry.job.schedule) {
        entry.job = job;
        wanted.delete(id);
        continue;
      }
      clearTimeout(entry.timer);
      entries.delete(id);
    }
    for (const job of wanted.values()) {
      const entry = { job, timer: undefined, isRunning: false, isQueued: false };
      entries.set(job.jobid, entry);
      arm(entry);
    }
  }

  async function work(): Promise<void> {
    await client.connect();
    await client.query(
      `update cron.job_run_details set status = 'failed', return_message = 'server restarted', end_time = now()
       where status in ('starting', 'connecting', 'sending', 'running')`,
    );
    client.on("notification", () => readJobs().catch(() => undefined));
    await client.query("listen pg_cron_jobs_changed");
    await readJobs();
    if (isStart) for (const entry of entries.values()) if (isAtReboot(entry.job)) start(entry);
    onReady();
    await untilAborted(stopping);
    await Promise.all(running);
  }

  try {
    await Promise.race([work(), lost]);
  } finally {
    for (const { timer } of entries.values()) clearTimeout(timer);
    entries.clear();
    await Promise.allSettled([client.end(), records.end()]);
  }
}

/** One run: a session of its own as the job's user, the whole command as one message and so one transaction. */
async function runJob(records: pg.Pool, url: string, job: JobRow): Promise<void> {
  const { rows } = await records.query<{ runid: string }>(
    `insert into cron.job_run_details (jobid, database, username, command, status)
     values ($1, $2, $3, $4, 'starting') returning runid`,
    [job.jobid, job.database, job.username, job.command],
  );
  const runid = rows[0]?.runid;
  const finish = (status: string, message: string) =>
    records.query(
      `update cron.job_run_details
       set status = $2, return_message = $3, end_time = clock_timestamp() where runid = $1`,
      [runid, status, message],
    );

  const address = new URL(url);
  address.username = encodeURIComponent(job.username);
  address.pathname = `/${encodeURIComponent(job.database)}`;
  const session = new pg.Client({ connectionString: address.href, application_name: "pg_cron" });
  session.on("error", () => undefined);
  try {
    await session.connect();
  } catch {
    await finish("failed", "connection failed");
    return;
  }
  try {
    const pid = (session as pg.Client & { processID: number }).processID;
    await records.query(
      `update cron.job_run_details
       set status = 'running', job_pid = $2, start_time = clock_timestamp() where runid = $1`,
      [runid, pid],
    );
    const result = await session.query(job.command);
    await finish("succeeded", toMessage(Array.isArray(result) ? result.at(-1) : result));
  } catch (error) {
    const { severity = "ERROR", message } = error as pg.DatabaseError;
    await finish("failed", `${severity}:  ${message}\n`);
  } finally {
    await session.end().catch(() => undefined);
  }
}

/** A number of rows, or the command tag. */
function toMessage(result: pg.QueryResult): string {
  const count = result.rowCount ?? 0;
  if (result.fields.length > 0) return count === 1 ? "1 row" : `${count} rows`;
  if (result.command === "INSERT") return `INSERT 0 ${count}`;
  return result.rowCount === null ? result.command : `${result.command} ${count}`;
}

/** Milliseconds from `now` until the schedule is next due; undefined if it never is. Cron's fields are in UTC. */
export function untilNext(schedule: string, now: Date): number | undefined {
  const seconds = INTERVAL.exec(schedule)?.[1];
  if (seconds) return Number(seconds) * 1_000;
  if (/^\s*@re(boot|start)/i.test(schedule)) return undefined;
  // pg_cron writes the last day of the month as $, croner as L.
  const next = new Cron(schedule.trim().replace("$", "L"), { timezone: "UTC" }).nextRun(now);
  return next ? Math.max(next.getTime() - now.getTime(), 0) : undefined;
}

function isAtReboot(job: JobRow): boolean {
  return /^\s*@re(boot|start)/i.test(job.schedule);
}

function untilAborted(signal: AbortSignal, timeoutMs?: number): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) return done();
    const timer = timeoutMs === undefined ? undefined : setTimeout(finish, timeoutMs);
    function finish() {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      done();
    }
    signal.addEventListener("abort", finish);
  });
}
