/**
 * Stand-in for the data API (PostgREST behind Supabase's gateway), as far as supabase-js needs it here.
 *
 * Each call is one transaction of `authenticator` that takes the role of the token and shows its claims
 * to the database. Listens on 127.0.0.1.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import pg from "pg";
import { ApiError, toApiError } from "./gateway/errors.ts";
import { type Claims, FAKE_JWT_SECRET, readJwt, signJwt } from "./gateway/jwt.ts";
import { rpcStatement } from "./gateway/rpc.ts";
import { quote } from "./gateway/statement.ts";
import { tableStatement } from "./gateway/tables.ts";

export interface Gateway {
  /** For createClient(url, key). */
  url: string;
  anonKey: string;
  serviceRoleKey: string;
  /** A token for a signed-in person; pass `exp` in seconds since 1970 to let it end. */
  tokenFor(claims: Partial<Claims>): string;
  stop(): Promise<void>;
}

export interface GatewayOptions {
  /** Any role's URL: the user is replaced by authenticator, the password kept. */
  databaseUrl: string;
  /** Default: any free one. */
  port?: number;
  /** Default: public. */
  schema?: string;
}

const REST = "/rest/v1/";
const OBJECT = "application/vnd.pgrst.object+json";
const ROLES = new Set(["anon", "authenticated", "service_role"]);
const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "*",
  "access-control-allow-methods": "GET, POST, PATCH, DELETE, OPTIONS",
};

interface Answer {
  status: number;
  /** JSON text, or null for an empty answer. */
  body: string | null;
}

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const schema = options.schema ?? "public";
  const databaseUrl = new URL(options.databaseUrl);
  databaseUrl.username = "authenticator";
  const pool = new pg.Pool({ connectionString: databaseUrl.href, max: 10 });
  // An idle session that the server ends is replaced at the next call.
  pool.on("error", () => {});

  const server = createServer((request, response) => {
    handle(pool, schema, request)
      .then((answer) => write(response, answer))
      .catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const sign = (claims: Partial<Claims>) =>
    signJwt({ role: "authenticated", iss: "fake-local", ...claims }, FAKE_JWT_SECRET);

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    anonKey: sign({ role: "anon" }),
    serviceRoleKey: sign({ role: "service_role" }),
    tokenFor: sign,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await pool.end();
    },
  };
}

async function handle(pool: pg.Pool, schema: string, request: IncomingMessage): Promise<Answer> {
  if (request.method === "OPTIONS") return { status: 204, body: null };
  let role = "anon";
  try {
    const body = await readText(request);
    const claims = authenticate(request);
    role = claims.role;
    return await inTransaction(pool, request, claims, (db) => answer(db, schema, request, body));
  } catch (error) {
    const known = toApiError(error, role);
    return { status: known.status, body: JSON.stringify(known) };
  }
}

async function answer(
  db: pg.ClientBase,
  schema: string,
  request: IncomingMessage,
  body: string,
): Promise<Answer> {
  const url = new URL(request.url ?? "/", "http://gateway");
  const target = decodeURIComponent(url.pathname);
  const [, rpc, name] = /^\/rest\/v1\/(rpc\/)?([^/]+)$/.exec(target) ?? [];
  if (!target.startsWith(REST) || !name) {
    throw new ApiError(404, "PGRST125", "Invalid path specified in request URL");
  }
  const method = request.method ?? "GET";
  if (rpc ? method !== "POST" : !isTableMethod(method)) {
    throw new ApiError(405, "PGRST117", `Unsupported HTTP method: ${method}`);
  }
  const statement = rpc
    ? await rpcStatement(db, schema, name, body)
    : await tableStatement(db, {
        schema,
        table: name,
        method: method as "GET",
        query: url.searchParams,
        prefer: [request.headers.prefer ?? ""].flat().join(","),
        body,
      });
  const { rows } = await db.query<{ body: string | null; count: number }>(
    statement.sql,
    statement.values,
  );
  const text = rows[0]?.body ?? null;
  if (statement.answer === "nothing") return { status: statement.status, body: null };
  if (statement.answer === "value") return { status: statement.status, body: text ?? "null" };
  if (request.headers.accept?.includes(OBJECT)) {
    return { status: statement.status, body: single(text ?? "[]", rows[0]?.count ?? 0) };
  }
  return { status: statement.status, body: text };
}

/** `.single()`: anything but one row is an error, and undoes the call. */
function single(rows: string, count: number): string {
  if (count === 1) return rows.trim().slice(1, -1);
  throw new ApiError(406, "PGRST116", "Cannot coerce the result to a single JSON object", {
    details: `The result contains ${count} rows`,
  });
}

async function inTransaction(
  pool: pg.Pool,
  request: IncomingMessage,
  claims: Claims,
  work: (db: pg.ClientBase) => Promise<Answer>,
): Promise<Answer> {
  const db = await pool.connect();
  let broken: Error | undefined;
  try {
    await db.query(request.method === "GET" ? "begin read only" : "begin");
    await db.query(
      `select set_config('role', $1, true), set_config('request.jwt.claims', $2, true),
              set_config('request.method', $3, true), set_config('request.path', $4, true)`,
      [claims.role, JSON.stringify(claims), request.method, request.url],
    );
    const result = await work(db);
    await db.query("commit");
    return result;
  } catch (error) {
    await db.query("rollback").catch((failure: Error) => {
      broken = failure;
    });
    throw error;
  } finally {
    db.release(broken);
  }
}

/** The gateway wants a key it knows; who calls is said by the token, or else by the key. */
function authenticate(request: IncomingMessage): Claims {
  const key = [request.headers.apikey].flat()[0];
  if (!key) {
    throw new ApiError(401, "PGRST301", "No API key found in request", {
      hint: "No `apikey` request header or url param was found.",
    });
  }
  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
  const [, claims] = [key, bearer ?? key].map((token) => {
    const read = readJwt(token, FAKE_JWT_SECRET, new Date());
    if (read === "forged")
      throw new ApiError(401, "PGRST301", "JWT cryptographic operation failed");
    if (read === "expired") throw new ApiError(401, "PGRST303", "JWT expired");
    return read;
  });
  if (!claims || !ROLES.has(claims.role)) {
    throw new ApiError(403, "42501", `permission denied to set role ${quote(claims?.role ?? "")}`);
  }
  return claims;
}

function isTableMethod(method: string): method is "GET" | "POST" | "PATCH" | "DELETE" {
  return ["GET", "POST", "PATCH", "DELETE"].includes(method);
}

function write(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, {
    ...CORS,
    ...(body !== null && { "content-type": "application/json; charset=utf-8" }),
  });
  response.end(body ?? undefined);
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
