/** Which of a project's tables is which of the contract's, and which of its columns. Nothing here talks to a database. */
import { type Entity, type Kind, normalize, VOCABULARY, type Wanted } from "./vocabulary.ts";

export interface Column {
  name: string;
  type: string;
  category: string;
  /** Of an enum. */
  labels: string[] | null;
}

export interface Table {
  oid: number;
  schema: string;
  name: string;
  qualified: string;
  is_partition: boolean;
  about_rows: number;
  can_read: boolean;
  can_attach: boolean;
  columns: Column[];
  primary_key: string[];
  foreign_keys: { column: string; target: number }[];
  triggers: {
    name: string;
    calls: string;
    posts: boolean | null;
    is_ours: boolean | null;
    is_off: boolean;
  }[];
}

export interface Match {
  entity: Entity;
  table: Table;
  /** The contract's column → the table's, or null where none was found. */
  columns: Record<string, string | null>;
  /** What a person should know before believing it. */
  doubts: string[];
  /** What only a person can answer: until then its calls are commented out. */
  questions: string[];
  /** Why the table can not be attached as it is. */
  faults: string[];
}

/** Tables in the order of the vocabulary; an entity that no table seems to be is left out. */
export function matchTables(tables: readonly Table[]): Match[] {
  const entities = Object.keys(VOCABULARY) as Entity[];
  const named = new Map<Entity, Table>();
  for (const entity of entities) {
    const best = tables
      .map((table) => ({ table, score: score(entity, table) }))
      .filter(({ score: points }) => points > 0)
      .sort((a, b) => b.score - a.score)[0];
    if (best) named.set(entity, best.table);
  }
  return entities.flatMap((entity) => {
    const table = named.get(entity);
    return table ? [describe(entity, table, named)] : [];
  });
}

/** A name counts first, then how many columns are known; without a name at least half of the columns. */
function score(entity: Entity, table: Table): number {
  const { tables, columns } = VOCABULARY[entity];
  const place = tables.findIndex((word) => isSameName(word, table.name));
  const names = Object.keys(columns);
  const known = names.filter((name) => findColumn(table, columns[name] as Wanted)).length;
  // Another schema is often a copy of somebody else's tables, as of Stripe's.
  const away = table.schema === "public" ? 0 : 1_000;
  if (place >= 0) return known > 0 ? 2_000 - away - 10 * place + known : 0;
  return known * 2 > names.length ? 1_000 - away / 2 + known : 0;
}

/** The plural, in French and English, is no other name. */
function isSameName(word: string, name: string): boolean {
  const [wanted, given] = [normalize(word), normalize(name)];
  return wanted === given || wanted === `${given}s`;
}

function findColumn(table: Table, { words }: Wanted): Column | undefined {
  for (const word of words) {
    const found = table.columns.find(({ name }) => normalize(name) === normalize(word));
    if (found) return found;
  }
  return undefined;
}

function describe(entity: Entity, table: Table, named: ReadonlyMap<Entity, Table>): Match {
  const wanted = VOCABULARY[entity].columns;
  const match: Match = { entity, table, columns: {}, doubts: [], questions: [], faults: [] };
  const taken = new Set<string>();
  for (const [name, one] of Object.entries(wanted)) {
    const found = referenceOf(name, match, named) ?? findColumn(table, one);
    const column = found && !taken.has(found.name) ? found : undefined;
    const isUsable = column && (fits(column, one.kind) || isWritable(column, one.kind));
    match.columns[name] = isUsable ? column.name : null;
    if (!isUsable) {
      const why = column
        ? `${column.name} is ${column.type}, not ${one.kind}`
        : `no column for ${name}`;
      (one.isNeeded ? match.faults : match.doubts).push(why);
      continue;
    }
    taken.add(column.name);
    const isWhole = /int/.test(column.type);
    if (one.unit && isWhole !== (one.unit === "minor")) {
      const counts = one.unit === "minor" ? "whole cents" : "in the currency itself, as 19.90";
      match.questions.push(
        `which unit is ${column.name} (${column.type}) in? The contract counts ${counts}`,
      );
    }
    if (one.digits && column.category === "N") {
      const told = one.digits === "unknown" ? "without them" : `with at least ${one.digits} digits`;
      match.doubts.push(
        `${column.name} is ${column.type}, where leading zeros are lost: it is told ${told}`,
      );
    }
    if (one.kind === "time" && !isWithZone(column)) {
      match.doubts.push(`${column.name} is ${column.type}: it is told as UTC`);
    }
  }
  match.faults.push(...faultsOf(table));
  if (!VOCABULARY[entity].tables.some((word) => isSameName(word, table.name))) {
    match.doubts.push("known by its columns, not by its name");
  }
  if (!table.columns.some(({ name }) => ["updated_at", "created_at"].includes(name))) {
    match.doubts.push(
      "no updated_at or created_at: find_missing() and backfill by time can not look at it",
    );
  }
  return match;
}

function faultsOf({ primary_key, is_partition, can_read, can_attach }: Table): string[] {
  return [
    ...(primary_key.length === 0 ? ["no primary key"] : []),
    ...(primary_key.length > 1 ? ["a primary key of several columns: write the call by hand"] : []),
    ...(is_partition ? ["a partition: attach its root"] : []),
    ...(can_read && can_attach
      ? []
      : ["the role that asks may not read it, or make triggers on it"]),
  ];
}

/** A foreign key says more than a name; of several that one whose name is known. */
function referenceOf(
  name: string,
  { table, questions }: Match,
  named: ReadonlyMap<Entity, Table>,
): Column | undefined {
  const target = { customer_id: "customers", request_id: "requests" }[name] as Entity | undefined;
  const referred = target && named.get(target);
  if (!referred) return undefined;
  const wanted = VOCABULARY[target === "customers" ? "requests" : "payments"].columns[
    name
  ] as Wanted;
  const keys = table.columns.filter((column) =>
    table.foreign_keys.some((key) => key.column === column.name && key.target === referred.oid),
  );
  const known = findColumn({ ...table, columns: keys }, wanted);
  if (!known && keys.length > 1) {
    const names = keys.map((column) => column.name).join(", ");
    questions.push(`which of ${names} is ${name}? All of them refer to ${referred.qualified}`);
  }
  const found = known ?? keys[0] ?? findColumn(table, wanted);
  const key = referred.columns.find((column) => column.name === referred.primary_key[0]);
  if (found && key && found.type !== key.type) {
    questions.push(
      `which column of ${referred.qualified} does ${found.name} name? It is ${found.type}, the key ${key.type}`,
    );
  }
  return found;
}

/** pg_type.typcategory: S text, E enum, U also uuid, N numbers, B boolean, D dates and times. */
function fits({ type, category }: Column, kind: Kind): boolean {
  switch (kind) {
    case "text":
      return "SE".includes(category) || type === "uuid";
    case "number":
      return category === "N";
    case "boolean":
      return category === "B";
    case "time":
      return type.startsWith("timestamp");
    case "id":
      return "SN".includes(category) || type === "uuid";
  }
}

function isWithZone({ type }: Column): boolean {
  return type === "timestamptz" || type.endsWith("with time zone");
}

/** A postal code that is a number can be told as text. */
function isWritable({ category }: Column, kind: Kind): boolean {
  return kind === "text" && category === "N";
}
