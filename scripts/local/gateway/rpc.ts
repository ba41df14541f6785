/** Function calls with named arguments: `POST /rest/v1/rpc/<function>`. */
import type pg from "pg";
import { ApiError } from "./errors.ts";
import { asCount, asJsonRows, qualified, quote, type Statement } from "./statement.ts";

interface Callable {
  names: string[];
  types: string[];
  defaults: number;
  returns_set: boolean;
  returns_void: boolean;
}

/** Finds the overload that the arguments' names fit, and builds the call. */
export async function rpcStatement(
  db: pg.ClientBase,
  schema: string,
  name: string,
  body: string,
): Promise<Statement> {
  const given = argumentNames(body);
  const { rows } = await db.query<Callable>(
    `select coalesce(p.proargnames[1:p.pronargs], '{}') as names,
            array(select format_type(t, null) from unnest(p.proargtypes) with ordinality as a (t, n) order by n) as types,
            p.pronargdefaults as defaults,
            p.proretset as returns_set,
            p.prorettype = 'void'::regtype as returns_void
     from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
     where n.nspname = $1 and p.proname = $2 and p.prokind = 'f'`,
    [schema, name],
  );
  const [callable, ...more] = rows.filter((row) => fits(row, given));
  if (!callable) throw notFound(schema, name, given);
  if (more.length > 0) {
    const message = `Could not choose the best candidate function between the overloads of ${schema}.${name}`;
    throw new ApiError(300, "PGRST203", message);
  }
  const used = callable.names
    .map((argument, index) => ({ name: quote(argument), type: callable.types[index] ?? "text" }))
    .filter((argument) => given.includes(argument.name.slice(1, -1)));
  const call = `${qualified(schema, name)}(${used.map((a) => `${a.name} := pgrst_args.${a.name}`).join(", ")})`;
  const columns = used.map((a) => `${a.name} ${a.type}`).join(", ");
  // A call without arguments has no column list to give; a scalar function's alias is its value.
  const source =
    used.length > 0 ? `json_to_record($1::json) as pgrst_args (${columns}), lateral ` : "";
  const query = `select pgrst_call from ${source}${call} as pgrst_call`;
  return {
    sql: callable.returns_void
      ? asCount(query)
      : callable.returns_set
        ? asJsonRows(query).replace("json_agg(pgrst_source)", "json_agg(pgrst_call)")
        : `select to_json(pgrst_call)::text as body, 1 as count from (${query}) as pgrst_source`,
    values: used.length > 0 ? [body] : [],
    status: callable.returns_void ? 204 : 200,
    answer: callable.returns_void ? "nothing" : callable.returns_set ? "rows" : "value",
  };
}

function fits({ names, defaults }: Callable, given: string[]): boolean {
  const needed = names.slice(0, names.length - defaults);
  return (
    given.every((name) => names.includes(name)) && needed.every((name) => given.includes(name))
  );
}

function argumentNames(body: string): string[] {
  try {
    const parsed: unknown = JSON.parse(body === "" ? "{}" : body);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) {
      return Object.keys(parsed);
    }
  } catch {
    throw new ApiError(400, "PGRST102", "Empty or invalid json");
  }
  throw new ApiError(400, "PGRST102", "Empty or invalid json");
}

function notFound(schema: string, name: string, given: string[]): ApiError {
  const signature = `${schema}.${name}(${given.join(", ")})`;
  return new ApiError(
    404,
    "PGRST202",
    `Could not find the function ${signature} in the schema cache`,
    {
      details: `Searched for the function ${signature}, but no matches were found in the schema cache.`,
    },
  );
}
