import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type NetWorker, startNetWorker } from "../../../scripts/local/net-worker.ts";
import { writeVault } from "../../../scripts/local/vault.ts";
import { createHandler } from "../../../supabase/functions/crm-sync/handler.ts";
import { LEAD, LEAD_2, oneDeadOneWaiting, openOps } from "./ops.ts";

const SECRET = "whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=";

let ops: Awaited<ReturnType<typeof openOps>>;
let server: Server;
let worker: NetWorker;

beforeAll(async () => {
  ops = await openOps();
  await oneDeadOneWaiting(ops.db);
  server = await startFunction();
  const { port } = server.address() as AddressInfo;
  await writeVault(ops.db, {
    crm_sync_function_url: `http://127.0.0.1:${port}/`,
    crm_sync_signing_secret: SECRET,
  });
  worker = startNetWorker({ url: ops.superuserUrl });
  await worker.ready;
});

afterAll(async () => {
  await worker?.stop();
  server?.close();
  await ops?.close();
});

/** The function itself, which must call nobody. */
async function startFunction(): Promise<Server> {
  const env = new Map([
    ["CRM_SYNC_SIGNING_SECRET", SECRET],
    ["MONELEC_API_KEY", "fake-key"],
  ]);
  const handle = createHandler({
    env: (name) => env.get(name),
    fetch: () => Promise.reject(new Error("a dry run calls nobody")),
    now: Date.now,
    log: () => undefined,
  });
  const created = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const answer = await handle(
      new Request("http://function.example/", {
        method: "POST",
        headers: request.headers as Record<string, string>,
        body: Buffer.concat(chunks),
      }),
    );
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(await answer.text());
  });
  await new Promise<void>((resolve) => created.listen(0, "127.0.0.1", resolve));
  return created;
}

test("what would be sent comes back masked", async () => {
  const { exitCode, stdout, stderr } = await ops.run("dry-run", "leads", LEAD);
  expect(stderr).toBe("");
  const [title, ...payload] = stdout.split("\n");
  expect(title).toBe("lead → monelec/leads: would send");
  expect(JSON.parse(payload.join("\n"))).toMatchObject({
    email: "xxx@xxxxxxx.xxxx",
    serviceType: "non-specifie",
  });
  expect(exitCode).toBe(0);
});

test("whole, the values come back in clear, no table keeps them, and it is written down who asked", async () => {
  const { exitCode, stdout, stderr } = await ops.run("dry-run", "leads", LEAD, "--whole", "--json");
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toMatchObject([
    { route: "lead", would: "send", payload: { email: "ada@example.test" } },
  ]);
  expect(exitCode).toBe(0);
  const kept = await ops.db.query(
    `select from net._http_response where content like '%ada@example.test%'
     union all select from net.http_request_queue`,
  );
  expect(kept.rows).toEqual([]);
  const { rows } = await ops.db.query(
    "select arguments from crm_sync.operations where action = 'dry_run_request'",
  );
  expect(rows).toEqual([{ arguments: { table: "public.leads", row_id: LEAD } }]);
});

test("what would be refused ends with 1 and names the field", async () => {
  await ops.db.query("update leads set email = ' ' where id = $1", [LEAD_2]);
  const { exitCode, stdout } = await ops.run("dry-run", "leads", LEAD_2, "--json");
  expect(JSON.parse(stdout)).toMatchObject([
    { route: "lead", would: "reject", error: "email: expected an email or a phone" },
  ]);
  expect(exitCode).toBe(1);
});

test("a row that is not there", async () => {
  const { exitCode, stderr } = await ops.run("dry-run", "leads", LEAD.replace(/1$/, "9"));
  expect(stderr).toMatch(/^public\.leads has no row .* \(CS029\)\nhint: Its primary key as text/);
  expect(exitCode).toBe(1);
});

test("no answer in time says where it may still come", async () => {
  await worker.stop();
  const { exitCode, stderr } = await ops.run("dry-run", "leads", LEAD, "--within", "1");
  expect(stderr).toMatch(/^no answer within 1 s\nhint: .*crm_sync\.dry_run_result\('/);
  expect(exitCode).toBe(1);
});
