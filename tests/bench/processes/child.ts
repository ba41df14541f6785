/** A part of the benchmark in a process of its own, so that its work does not delay the clock of who measures. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface Child {
  /** What it said when it was ready. */
  ready: unknown;
  ask(question: string, value?: unknown): Promise<unknown>;
  /** Lets it end what it began; killed after 10 s. */
  stop(): Promise<void>;
}

export interface Service {
  ready?: unknown;
  answers?: Record<string, (value: unknown) => unknown>;
  stop(): Promise<unknown>;
}

type FromChild =
  | { ready: unknown }
  | { failed: string }
  | { number: number; answer: unknown }
  | { number: number; failed: string };

const STOP_LIMIT_MS = 10_000;

/** Runs the module of this URL, which calls `serve`. Rejects if it ends before it is ready. */
export async function startChild(module: URL, options: unknown): Promise<Child> {
  const child = fork(fileURLToPath(module), [JSON.stringify(options)], {
    execArgv: ["--import", "tsx"],
  });
  const waiting = new Map<number, { done(value: unknown): void; fail(error: Error): void }>();
  const exited = new Promise<void>((done) => child.once("exit", () => done()));
  const ready = await new Promise<unknown>((done, fail) => {
    child.on("message", (message: FromChild) => {
      if ("number" in message) {
        const asked = waiting.get(message.number);
        waiting.delete(message.number);
        if ("failed" in message) asked?.fail(new Error(message.failed));
        else asked?.done(message.answer);
      } else if ("failed" in message) fail(new Error(message.failed));
      else done(message.ready);
    });
    void exited.then(() => {
      const error = new Error(`${fileURLToPath(module)} has ended`);
      fail(error);
      for (const asked of waiting.values()) asked.fail(error);
    });
  });
  const killWithUs = () => child.kill("SIGKILL");
  process.once("exit", killWithUs);
  let count = 0;
  return {
    ready,
    ask: (question, value) =>
      new Promise((done, fail) => {
        count += 1;
        waiting.set(count, { done, fail });
        child.send({ number: count, question, value });
      }),
    stop: async () => {
      process.off("exit", killWithUs);
      await end(child, exited);
    },
  };
}

async function end(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  if (child.connected) child.disconnect();
  const killer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
  await exited;
  clearTimeout(killer);
}

/** In the child: starts the service with the options that `startChild` was given, and stops it when the parent is gone. */
export async function serve<Options>(start: (options: Options) => Promise<Service>): Promise<void> {
  const send = (message: FromChild) => process.connected && process.send?.(message);
  // Ctrl-C is the parent's to handle.
  process.on("SIGINT", () => undefined);
  const service = await start(JSON.parse(process.argv[2] ?? "{}") as Options).catch(
    (error: Error) => {
      send({ failed: error.message });
      process.disconnect();
      throw error;
    },
  );
  process.on(
    "message",
    async ({ number, question, value }: { number: number; question: string; value: unknown }) => {
      try {
        const answer = await service.answers?.[question]?.(value);
        send({ number, answer });
      } catch (error) {
        send({ number, failed: (error as Error).message });
      }
    },
  );
  process.once("disconnect", () => {
    void service.stop().finally(() => process.exit(0));
  });
  send({ ready: service.ready ?? null });
}
