/** graphile-worker as an application would deploy it: a process of its own, one task that posts the row. */
import { Agent, request } from "node:http";
import { Logger, type Runner, run } from "graphile-worker";
import { serve } from "./child.ts";

interface Options {
  url: string;
  schema: string;
}

await serve(async ({ url, schema }: Options) => {
  let runner: Runner | null = null;
  const agent = new Agent({ keepAlive: true });

  async function start(concurrency: number): Promise<void> {
    runner = await run({
      connectionString: url,
      schema,
      concurrency,
      // Each worker can have a connection at any time, and one listens: never what limits it.
      maxPoolSize: concurrency + 2,
      noHandleSignals: true,
      logger: new Logger(() => () => undefined),
      crontab: "",
      taskList: {
        post_row: (payload) => {
          const { url: target, ...row } = payload as { url: string };
          return post(target, JSON.stringify(row), agent);
        },
      },
    });
  }

  async function stop(): Promise<void> {
    await runner?.stop();
    runner = null;
  }

  return {
    answers: { start: (concurrency) => start(concurrency as number), stop },
    stop: () => stop().finally(() => agent.destroy()),
  };
});

/** Rejects, so that the job is tried again, unless the answer is 2xx. */
function post(url: string, body: string, agent: Agent): Promise<void> {
  return new Promise((done, fail) => {
    const call = request(
      url,
      { method: "POST", agent, headers: { "content-type": "application/json" } },
      (response) => {
        response.resume();
        const { statusCode = 0 } = response;
        response.once("end", () =>
          statusCode >= 200 && statusCode < 300 ? done() : fail(new Error(`HTTP ${statusCode}`)),
        );
      },
    );
    call.once("error", fail);
    call.end(body);
  });
}
