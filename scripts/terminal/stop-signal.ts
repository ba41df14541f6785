/** Ctrl-C and its relatives as an AbortSignal. Asked again by a person, the process ends at once. */
import { setMaxListeners } from "node:events";

export function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      // What we started goes with us.
      if (stopping.signal.aborted && name === "SIGINT") process.exit(130);
      stopping.abort(new Error(`stopped by ${name}`));
    });
  }
  return stopping.signal;
}
