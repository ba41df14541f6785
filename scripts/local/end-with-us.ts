/** What must not outlive us, however we end: killed also. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";

export interface Watched {
  signal?: NodeJS.Signals;
  /** Removed once the process is gone: what is in it is nobody's any more. */
  folder?: string;
}

/** Ends the process that is named, waits for its end for ten seconds, and removes the folder. */
const END = `
const [pid, signal, folder] = process.argv.slice(1);
const isAlive = () => { try { return process.kill(Number(pid), 0); } catch { return false; } };
const remove = () => require("node:fs").rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
process.stdin.on("end", () => {
  try { process.kill(Number(pid), signal); } catch {}
  const limit = Date.now() + 10_000;
  const look = () => (isAlive() && Date.now() < limit ? setTimeout(look, 50) : folder && remove());
  look();
}).resume();`;

/**
 * A process of its own ends that one, as soon as our end of its standard input closes. Apart from our process group,
 * so that a Ctrl-C meant for us does not reach it. Returns what calls it off: once the process has ended otherwise.
 */
export function endWithUs(
  pid: number,
  { signal = "SIGTERM", folder = "" }: Watched = {},
): () => Promise<void> {
  const watcher = spawn(process.execPath, ["-e", END, `${pid}`, signal, folder], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  // It waits for our end: we do not wait for its own.
  watcher.unref();
  (watcher.stdin as Socket).unref();
  return async () => {
    watcher.ref();
    if (watcher.kill()) await once(watcher, "exit");
  };
}
