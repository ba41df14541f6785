/**
 * The contract between crm-sync and pg_net 0.20.4: what the design relies on, and what it answers. The stand-in passes it
 * by default; CRM_SYNC_TEST_DATABASE_URL runs the same tests on a real one (see tests/support/net-target.ts).
 */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type NetTarget, startNetTarget, targetName } from "../support/net-target.ts";
import { type ProbeReceiver, startProbeReceiver } from "../support/probe-receiver.ts";

interface ResponseRow {
  id: string;
  status_code: number | null;
  content_type: string | null;
  headers: Record<string, string> | null;
  content: string | null;
  timed_out: boolean;
  error_msg: string | null;
  created: Date;
}

let target: NetTarget;
let probe: ProbeReceiver;
let client: pg.Client;

async function connect(): Promise<pg.Client> {
  const session = new pg.Client({ connectionString: target.url });
  session.on("error", () => undefined);
  await session.connect();
  return session;
}

let lastQuery: Promise<unknown> = Promise.resolve();

/** In the session of `client`, one after another also for tests that wait for several things at once. */
async function query<Row extends pg.QueryResultRow>(
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const result = lastQuery.then(() => client.query<Row>(sql, values));
  lastQuery = result.catch(() => undefined);
  return (await result).rows;
}

/** Polls for what must come; the limit is for a server that never does it, not for a slow one. */
async function until<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await sleep(10)) {
    const seen = await look();
    if (seen !== undefined) return seen;
  }
  throw new Error(`waited 30 s in vain until ${what}`);
}

async function post(path: string, body: unknown = { a: 1 }, timeoutMs = 20_000): Promise<string> {
  const rows = await query<{ id: string }>(
    "select net.http_post($1, $2::jsonb, timeout_milliseconds => $3) as id",
    [path.startsWith("/") ? probe.url + path : path, JSON.stringify(body), timeoutMs],
  );
  return rows[0]?.id as string;
}

function answerTo(id: string): Promise<ResponseRow> {
  return until(`request ${id} is answered`, async () => {
    const [row] = await query<ResponseRow>("select * from net._http_response where id = $1", [id]);
    return row;
  });
}

async function count(table: "http_request_queue" | "_http_response"): Promise<number> {
  const rows = await query<{ n: number }>(`select count(*)::int as n from net.${table}`);
  return rows[0]?.n as number;
}

function queueIsEmpty(): Promise<true> {
  return until("the queue is empty", async () =>
    (await count("http_request_queue")) === 0 ? true : undefined,
  );
}

/** After work the worker takes one empty turn a second later; then it sleeps. */
async function workerSleeps(): Promise<void> {
  await queueIsEmpty();
  await sleep(2_500);
  // Its last turn, which finds nothing, comes later on a machine that is busy.
  await until("the worker has been idle for two seconds", async () => {
    const busy = await query(
      `select from pg_stat_activity
       where application_name like 'pg_net%' and state_change > clock_timestamp() - interval '2 seconds'`,
    );
    return busy.length === 0 || undefined;
  });
}

async function failureOf(sql: string): Promise<{ code: string; message: string }> {
  const error = await client.query(sql).then(
    () => new Error(`no error from ${sql}`),
    (raised: pg.DatabaseError) => raised,
  );
  return { code: (error as pg.DatabaseError).code ?? "", message: error.message };
}

beforeAll(async () => {
  [target, probe] = await Promise.all([startNetTarget(), startProbeReceiver()]);
  client = await connect();
});

afterAll(async () => {
  await client?.end();
  await Promise.all([probe?.stop(), target?.stop()]);
});

beforeEach(async () => {
  probe.release();
  await client.query("truncate net.http_request_queue, net._http_response");
  probe.calls.length = 0;
});

describe(`net, on ${targetName}`, () => {
  it("has the objects, defaults and rights of the original, and so have cron and vault", async () => {
    const sql = await readFile(
      new URL("../support/describe-platform.sql", import.meta.url),
      "utf8",
    );
    const facts = await query<{ fact: string }>(sql);
    const text = facts.map(({ fact }) => `${fact}\n`).join("");
    await expect(text).toMatchFileSnapshot("./platform-objects.txt");
  });

  describe("what the caller sees", () => {
    it("refuses what the original refuses, in its words", async () => {
      const posts = (args: string) => failureOf(`select net.http_post(${args})`);
      expect(await posts("'no-scheme'")).toEqual({
        code: "XX000",
        message: 'invalid URL "no-scheme": Bad scheme',
      });
      expect(await posts("''")).toEqual({ code: "XX000", message: 'invalid URL "": Bad scheme' });
      expect(await posts("'foo://x/'")).toEqual({
        code: "XX000",
        message: 'invalid URL "foo://x/": Unsupported URL scheme',
      });
      expect(await posts("'http://x/a b'")).toEqual({
        code: "XX000",
        message: 'invalid URL "http://x/a b": Bad path',
      });
      expect(await posts("'http://x:99999/'")).toEqual({
        code: "XX000",
        message:
          'invalid URL "http://x:99999/": Port number was not a decimal number between 0 and 65535',
      });
      expect(await posts("null")).toEqual({
        code: "23502",
        message:
          'null value in column "url" of relation "http_request_queue" violates not-null constraint',
      });
      expect(await posts("'http://x', timeout_milliseconds => null")).toMatchObject({
        code: "23502",
      });
      const contentType = {
        code: "P0001",
        message: 'Content-Type header must be "application/json"',
      };
      expect(await posts(`'http://x', headers => '{"content-type": "text/plain"}'`)).toEqual(
        contentType,
      );
      expect(
        await posts(`'http://x', headers => '{"Content-Type": "application/json; charset=utf-8"}'`),
      ).toEqual(contentType);
      expect(await posts(`'http://x', headers => '[1]'`)).toEqual({
        code: "22023",
        message: "cannot call jsonb_each_text on a non-object",
      });
      expect(await posts(`'http://x', params => '"p"'`)).toMatchObject({ code: "22023" });
      expect(await posts("'http://x'::text, 'text'::text")).toMatchObject({ code: "42883" });
    });

    it("queues address, headers and body as the original writes them", async () => {
      await client.query("begin");
      await client.query(`
        select net.http_post('HTTP://127.0.0.1:9/P/../b/%7e?x=1#f', '{"b": "é", "a": 1}', '{"q": "a b&c=é", "n": null}',
          '{"x-a": "1"}');
        select net.http_get('http://127.0.0.1:9');
        select net.http_delete('http://127.0.0.1:9/d', timeout_milliseconds => 1, body => '[1]')`);
      const rows = await query(
        "select method, url, headers, convert_from(body, 'utf8') as body, timeout_milliseconds from net.http_request_queue order by id",
      );
      await client.query("rollback");
      expect(rows).toEqual([
        {
          method: "POST",
          url: "http://127.0.0.1:9/b/%7e?x=1&q=a%20b%26c%3d%c3%a9#f",
          headers: { "x-a": "1", "Content-Type": "application/json" },
          body: '{"a": 1, "b": "é"}',
          timeout_milliseconds: 5000,
        },
        {
          method: "GET",
          url: "http://127.0.0.1:9/",
          headers: {},
          body: null,
          timeout_milliseconds: 5000,
        },
        {
          method: "DELETE",
          url: "http://127.0.0.1:9/d",
          headers: {},
          body: "[1]",
          timeout_milliseconds: 1,
        },
      ]);
    });

    it("lets every role read, write and empty the tables, and postgres take none of that back", async () => {
      await client.query("begin");
      await client.query("set local role anon");
      await client.query("insert into net._http_response (id, status_code) values (-1, 200)");
      await client.query("delete from net._http_response where id = -1");
      await client.query("rollback");
      await client.query("revoke all on net._http_response from public");
      const rows = await query(
        "select has_table_privilege('anon', 'net._http_response', 'insert') as kept",
      );
      expect(rows).toEqual([{ kept: true }]);
      expect(await failureOf("create index on net._http_response (id)")).toEqual({
        code: "42501",
        message: "must be owner of table _http_response",
      });
    });

    it("collects an answer by its id", async () => {
      const id = await post("/ok");
      await answerTo(id);
      const rows = await query(
        "select status, message, (response).status_code, (response).body from net._http_collect_response($1)",
        [id],
      );
      expect(rows).toEqual([
        { status: "SUCCESS", message: "ok", status_code: 200, body: '{"ok": true}' },
      ]);
      const none = await query("select status, message from net._http_collect_response(-5)");
      expect(none).toEqual([{ status: "ERROR", message: "request matching request_id not found" }]);
    });

    it("says that its worker is up", async () => {
      await client.query("select net.wait_until_running(), net.check_worker_is_up()");
    });
  });

  describe("on the wire", () => {
    it("sends the body's text and pg_net's headers", async () => {
      const id = await post("/wire", { b: 1, a: "é" });
      await answerTo(id);
      const [call] = probe.callsTo("/wire");
      expect(call?.method).toBe("POST");
      expect(call?.body).toBe('{"a": "é", "b": 1}');
      const headers = Object.fromEntries(
        (call?.rawHeaders ?? []).flatMap((name, index, all) =>
          index % 2 === 0 && name !== "Connection" ? [[name, all[index + 1]]] : [],
        ),
      );
      expect(headers).toEqual({
        Host: new URL(probe.url).host,
        Accept: "*/*",
        "Content-Type": "application/json",
        "User-Agent": "pg_net/0.20.4",
        "Content-Length": "19",
      });
    });

    it("records an answer of any status as an answer", async () => {
      const answered = await Promise.all(
        [200, 404, 503].map((status) => post(`/ok?status=${status}`).then(answerTo)),
      );
      expect(answered.map(({ status_code }) => status_code)).toEqual([200, 404, 503]);
      expect(answered[2]).toMatchObject({
        content: '{"ok": true}',
        content_type: "application/json; charset=utf-8",
        timed_out: false,
        error_msg: null,
        headers: { "Content-Type": "application/json; charset=utf-8" },
      });
    });

    it("keeps a body that is not UTF-8, cuts one at its first NUL, and stores null for an empty one", async () => {
      const ids = [
        await post("/not-utf8"),
        await post("/nul"),
        await post("/empty"),
        await post("/untyped"),
      ];
      await Promise.all(ids.map(answerTo));
      const rows = await query(
        `select case when id = $1 then octet_length(content)::text else content end as content, content_type is null as untyped
         from net._http_response order by id`,
        [ids[0]],
      );
      expect(rows).toEqual([
        { content: "6", untyped: false },
        { content: "ab", untyped: false },
        { content: null, untyped: false },
        { content: '{"ok": true}', untyped: true },
      ]);
      const unreadable = await failureOf(
        `select convert_to(content, 'utf8') from net._http_response where id = ${ids[0]}`,
      );
      expect(unreadable.message).toContain('invalid byte sequence for encoding "UTF8"');
    });

    it("keeps the last of two equal headers", async () => {
      const { headers } = await answerTo(await post("/twice"));
      expect(headers?.["x-twice"]).toBe("two");
    });

    it("follows redirects: the last status and body, the first hop's headers, and GET after a 302", async () => {
      const found = await answerTo(await post("/redirect?status=302&to=/after-302"));
      const temporary = await answerTo(await post("/redirect?status=307&to=/after-307"));
      expect(found).toMatchObject({
        status_code: 200,
        content: '{"ok": true}',
        headers: { "x-hop": "first" },
      });
      expect(temporary.status_code).toBe(200);
      expect(probe.callsTo("/after-302")).toMatchObject([{ method: "GET", body: "" }]);
      expect(probe.callsTo("/after-307")).toMatchObject([{ method: "POST", body: '{"a": 1}' }]);
    });

    it("records what fails in libcurl's words", async () => {
      const failures: [url: string, message: RegExp][] = [
        ["http://127.0.0.1:1/", /^(Couldn't|Could not) connect to server$/],
        [
          "http://no-such-host.invalid/",
          /^(Couldn't resolve host name|Could not resolve hostname)$/,
        ],
        ["ftp://127.0.0.1/x", /^Unsupported protocol$/],
        ["/hang-up", /^Server returned nothing \(no headers, no data\)$/],
        ["/cut-short", /^Transferred a partial file$/],
        [probe.url.replace("http", "https"), /^SSL connect error$/],
      ];
      for (const [url, message] of failures) {
        const answer = await answerTo(await post(url));
        expect(answer.error_msg, url).toMatch(message);
        expect(answer, url).toMatchObject({
          status_code: null,
          content: null,
          content_type: null,
          headers: null,
          timed_out: false,
        });
      }
    });

    it("records a timeout with its times", async () => {
      const answer = await answerTo(await post("/never", {}, 300));
      expect(answer).toMatchObject({ status_code: null, timed_out: true });
      const ms = "-?\\d+\\.\\d{6} ms";
      expect(answer.error_msg).toMatch(
        new RegExp(
          `^Timeout of 300 ms reached\\. Total time: 3\\d\\d\\.\\d{6} ms \\(DNS time: ${ms}, ` +
            `TCP/SSL handshake time: ${ms}, HTTP Request/Response time: ${ms}\\)$`,
        ),
      );
    });

    it("never delivers more than 64 KiB on a used connection, nor more than 128 KiB on a new one", async () => {
      const sized = (bytes: number) => "x".repeat(bytes - 2);
      await answerTo(await post("/first"));
      const used = await answerTo(await post("/used", sized(65_536)));
      const usedLarger = await answerTo(await post("/used-larger", sized(65_537), 1_500));
      // The one that timed out took its connection along.
      const fresh = await answerTo(await post("/fresh", sized(131_072)));
      const freshLarger = await answerTo(await post("/fresh-larger", sized(131_073), 1_500));
      expect(
        [used, usedLarger, fresh, freshLarger].map(({ status_code, timed_out }) => [
          status_code,
          timed_out,
        ]),
      ).toEqual([
        [200, false],
        [null, true],
        [200, false],
        [null, true],
      ]);
      expect(probe.calls.map(({ path, body }) => [path, body.length])).toEqual([
        ["/first", 8],
        ["/used", 65_536],
        ["/fresh", 131_072],
      ]);
    });
  });

  describe("the worker", () => {
    it("sends nothing of a transaction or savepoint that is rolled back", async () => {
      await client.query("begin");
      await post("/rolled-back");
      await client.query("rollback");
      await client.query("begin");
      await client.query("savepoint s");
      await post("/rolled-back");
      await client.query("rollback to s");
      const id = await post("/kept");
      await client.query("commit");
      await answerTo(id);
      expect(probe.calls.map(({ path }) => path)).toEqual(["/kept"]);
    });

    it("does not see a row that was put into the queue without a wake", async () => {
      await workerSleeps();
      await query(
        "insert into net.http_request_queue (method, url, timeout_milliseconds) values ('GET', $1, 5000)",
        [`${probe.url}/unwoken`],
      );
      await sleep(2_500);
      expect(probe.calls).toEqual([]);
      await client.query("select net.wake()");
      await queueIsEmpty();
      expect(probe.calls.map(({ path }) => path)).toEqual(["/unwoken"]);
    });

    it("takes 200 at a time, lowest ids first, each batch in one transaction that dates its answers", async () => {
      await query("select net.http_post($1) from generate_series(1, 450)", [`${probe.url}/many`]);
      await until("450 are answered", async () =>
        (await count("_http_response")) === 450 ? true : undefined,
      );
      const batches = await query<{ n: number; span: number }>(
        `select count(*)::int as n, (max(id) - min(id) + 1)::int as span
         from net._http_response group by created order by created`,
      );
      expect(batches).toEqual([
        { n: 200, span: 200 },
        { n: 200, span: 200 },
        { n: 50, span: 50 },
      ]);
      const [order] = await query<{ ascending: boolean }>(
        `select bool_and(ascending) as ascending
         from (select created >= lag(created) over (order by id) as ascending from net._http_response) as pairs`,
      );
      expect(order?.ascending).toBe(true);
    });

    it("shows a batch's requests and hides its answers until the slowest has ended", async () => {
      await client.query("begin");
      const quick = await post("/ok");
      const slow = await post("/hold");
      await client.query("commit");
      await until("both have arrived", () => (probe.calls.length === 2 ? true : undefined));
      await sleep(300);
      expect([await count("http_request_queue"), await count("_http_response")]).toEqual([2, 0]);

      const meanwhile = await post("/meanwhile");
      await sleep(300);
      expect(probe.callsTo("/meanwhile")).toEqual([]);

      probe.release();
      const [first, second] = [await answerTo(quick), await answerTo(slow)];
      expect(first.created).toEqual(second.created);
      const third = await answerTo(meanwhile);
      expect(third.created.getTime()).toBeGreaterThan(first.created.getTime());
    });

    it("never shows a live request in neither table", async () => {
      const ids = await query<{ id: string }>(
        "select net.http_post($1) as id from generate_series(1, 300)",
        [`${probe.url}/ok`],
      );
      const look = async () => {
        const [seen] = await query<{ queued: number; answered: number }>(
          `select (select count(*)::int from net.http_request_queue) as queued,
                  (select count(*)::int from net._http_response) as answered`,
        );
        expect((seen?.queued ?? 0) + (seen?.answered ?? 0)).toBe(ids.length);
        return seen?.answered === ids.length ? true : undefined;
      };
      await until("all are answered", look);
    });

    it("sends at once when idle; then the first wake cuts its pause short and the second does not", async () => {
      await workerSleeps();
      await answerTo(await post("/one"));
      const askedTwo = Date.now();
      await post("/two");
      const two = await until("two has arrived", () => probe.callsTo("/two")[0]);
      await until("two is answered", async () =>
        (await count("_http_response")) === 2 ? true : undefined,
      );
      const askedThree = Date.now();
      await post("/three");
      const three = await until("three has arrived", () => probe.callsTo("/three")[0]);
      expect(three.at - two.at).toBeGreaterThanOrEqual(900);
      expect(two.at - askedTwo).toBeLessThan(three.at - askedThree);
    });

    it("skips its turn under somebody's exclusive lock, and sleeps until the next wake", async () => {
      await workerSleeps();
      const other = await connect();
      await other.query("begin");
      await other.query("lock table net._http_response in access exclusive mode");
      await post("/locked-out");
      await sleep(2_500);
      await other.query("commit");
      await other.end();
      await sleep(2_500);
      expect(probe.calls).toEqual([]);
      expect(await count("http_request_queue")).toBe(1);
      await client.query("select net.wake()");
      await until("it has arrived", () => (probe.calls.length > 0 ? true : undefined));
    });

    it("deletes answers older than six hours, but only when it is awake", async () => {
      await workerSleeps();
      await client.query(
        `insert into net._http_response (id, created)
         select -n, now() - interval '361 minutes' from generate_series(1, 250) as n`,
      );
      await client.query(
        "insert into net._http_response (id, created) values (-251, now() - interval '359 minutes')",
      );
      await sleep(2_500);
      expect(await count("_http_response")).toBe(251);
      await client.query("select net.wake()");
      await until("one is left", async () =>
        (await count("_http_response")) === 1 ? true : undefined,
      );
    });

    it("is blocked by one row that it cannot read, until somebody deletes it", async () => {
      await query("select net.http_get($1, headers => '[1]')", [`${probe.url}/poison`]);
      const id = await post("/behind");
      await sleep(3_000);
      expect(probe.calls).toEqual([]);
      expect(await count("http_request_queue")).toBe(2);
      await client.query("delete from net.http_request_queue where id <> $1", [id]);
      await answerTo(id);
      expect(probe.calls.map(({ path }) => path)).toEqual(["/behind"]);
    });

    it("loses queue, answers and ids in a crash of the server", async (context) => {
      if (!target.crash) {
        return context.skip(
          "CRM_SYNC_TEST_CRASH_COMMAND is not set: the tests cannot crash this server",
        );
      }
      await answerTo(await post("/before"));
      await post("/hold");
      await until("the second is under way", () =>
        probe.callsTo("/hold").length === 1 ? true : undefined,
      );
      await client.end();
      await target.crash();
      client = await until("the server is back", () => connect().catch(() => undefined));
      expect([await count("http_request_queue"), await count("_http_response")]).toEqual([0, 0]);
      const id = await post("/after");
      expect(id).toBe("1");
      await answerTo(id);
      expect(probe.callsTo("/hold")).toHaveLength(1);
    });
  });
});
