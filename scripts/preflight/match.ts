/** Which of a project's tables is which of the contract's, and which of its columns. Nothing here talks to a database. */
import { type Entity, type Kind, normalize, VOCABULARY, type Wanted } from "./vocabulary.ts";

export interface Table {
  oid: number;
  schema: string;
  name: string;
  qualified: string;
  is_partition: boolean;
  about_rows: number;
  columns: { name: string; type: string; category: string }[];
  primary_key: string[];
  foreign_keys: { column: string; target: number }[];
  triggers: { name: string; calls: string; posts: boolean | null; is_ours: boolean | null }[];
}

export interface Match {
  entity: Entity;
  table: Table;
  /** The contract's column → the table's, or null where none was found. */
  columns: Record<string, string | null>;
  /** Why a person should look before believing it. */
  doubts: string[];
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
  if (place >= 0) return known > 0 ? 100 - 10 * place + known : 0;
  return known * 2 > names.length ? known : 0;
}

/** The plural, in French and English, is no other name. */
function isSameName(word: string, name: string): boolean {
  const [wanted, given] = [normalize(word), normalize(name)];
  return wanted === given || wanted === `${given}s`;
}

function findColumn(table: Table, { words }: Wanted): Table["columns"][number] | undefined {
  for (const word of words) {
    const found = table.columns.find(({ name }) => normalize(name) === normalize(word));
    if (found) return found;
  }
  return undefined;
}

function describe(entity: Entity, table: Table, named: ReadonlyMap<Entity, Table>): Match {
  const wanted = VOCABULARY[entity].columns;
  const doubts: string[] = [];
  const faults: string[] = [];
  const columns: Record<string, string | null> = {};
  const taken = new Set<string>();
  for (const [name, one] of Object.entries(wanted)) {
    const found = referenceOf(name, table, named) ?? findColumn(table, one);
    const column = found && !taken.has(found.name) ? found : undefined;
    columns[name] = column?.name ?? null;
    if (!column) {
      (one.isNeeded ? faults : doubts).push(`no column for ${name}`);
      continue;
    }
    taken.add(column.name);
    if (one.isWhole && !/int/.test(column.type)) {
      doubts.push(
        `${column.name} is ${column.type}; the contract counts in whole minor units (cents)`,
      );
    }
    if (!fits(column.category, one.kind))
      doubts.push(`${column.name} is ${column.type}, not ${one.kind}`);
  }
  if (table.primary_key.length === 0) faults.push("no primary key");
  if (table.primary_key.length > 1) doubts.push("a primary key of several columns");
  if (table.is_partition) faults.push("a partition: attach its root");
  if (!VOCABULARY[entity].tables.some((word) => isSameName(word, table.name))) {
    doubts.push(`known by its columns, not by its name`);
  }
  return { entity, table, columns, doubts, faults };
}

/** A foreign key says more than a name. */
function referenceOf(
  name: string,
  table: Table,
  named: ReadonlyMap<Entity, Table>,
): Table["columns"][number] | undefined {
  const target = { customer_id: "customers", request_id: "requests" }[name] as Entity | undefined;
  const key = target && table.foreign_keys.find((one) => one.target === named.get(target)?.oid);
  return table.columns.find((column) => column.name === key?.column);
}

/** pg_type.typcategory: S text, E enum, U also uuid, N numbers, B boolean, D dates. */
function fits(category: string, kind: Kind): boolean {
  switch (kind) {
    case "text":
      return "SEU".includes(category);
    case "number":
      return category === "N";
    case "boolean":
      return category === "B";
    case "time":
      return category === "D";
    case "id":
      return "SUN".includes(category);
  }
}
