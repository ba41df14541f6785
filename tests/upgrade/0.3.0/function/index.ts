import { createHandler } from "./handler.ts";

// Port and address matter only outside the platform, which listens where it pleases.
const port = Number(Deno.env.get("CRM_SYNC_PORT") ?? 8000);
const hostname = Deno.env.get("CRM_SYNC_HOST") ?? "127.0.0.1";

Deno.serve(
  { port, hostname },
  createHandler({
    env: (name) => Deno.env.get(name),
    fetch: (url, init) => fetch(url, init),
    now: () => Date.now(),
    log: (line) => console.log(line),
  }),
);
