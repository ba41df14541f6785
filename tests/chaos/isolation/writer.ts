/** Rows at a steady pace, whatever becomes of those before: each a transaction of its own, with the time of its commit. */
import pg from "pg";

export interface Written {
  id: string;
  /** Milliseconds since 1970, when the commit was acknowledged. */
  committedAt: number;
}

export interface Writer {
  written: readonly Written[];
  /** Begins no more rows; rejects if one could not be written. */
  stop(): Promise<void>;
}

/** As a pooler does that renews its sessions: after 1,000 posts a session leaves dispatch to the tick. */
const USES_OF_A_SESSION = 500;

/** `insert` is one statement that returns the row's id; $1 is the row's number, from 1. */
export function startWriter(url: string, insert: string, everyMs: number): Writer {
  const pool = new pg.Pool({ connectionString: url, max: 5, maxUses: USES_OF_A_SESSION });
  pool.on("error", () => undefined);
  const written: Written[] = [];
  const underWay = new Set<Promise<void>>();
  const failures: unknown[] = [];
  let number = 0;

  async function write(): Promise<void> {
    number += 1;
    const { rows } = await pool.query<{ id: string }>(insert, [number]);
    written.push({ id: (rows[0] as { id: string }).id, committedAt: Date.now() });
  }

  function begin(): void {
    const row = write()
      .catch((error: unknown) => failures.push(error))
      .then(() => {
        underWay.delete(row);
      });
    underWay.add(row);
  }

  const timer = setInterval(begin, everyMs);
  return {
    written,
    stop: async () => {
      clearInterval(timer);
      await Promise.all(underWay);
      await pool.end();
      if (failures.length > 0) throw failures[0];
    },
  };
}
