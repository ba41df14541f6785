/** Every mutant, in the order of the sources, each with a name that stays while its own line does. */
import { DESIGNED } from "./designed.ts";
import { functionsUnderTest, type SqlFunction } from "./functions.ts";
import { type Edit, OPERATORS, textOf } from "./operators.ts";
import { layersOf, type Token } from "./tokens.ts";

export interface Mutant {
  /** `keys._claimable condition: [reachable.is_free → true]` */
  name: string;
  kind: string;
  file: string;
  functions: string[];
  /** `create or replace function …`, one or several. */
  sql: string;
}

export function allMutants(): Mutant[] {
  const functions = functionsUnderTest();
  const mutants = [...DESIGNED.map((designed) => build(designed, functions))];
  for (const subject of functions) mutants.push(...mutantsOf(subject));
  return numbered(withoutDoubles(mutants));
}

function build(designed: (typeof DESIGNED)[number], functions: SqlFunction[]): Mutant {
  const changed = new Map<string, string>();
  for (const { name, from, to } of designed.edits) {
    const subject = functions.find((candidate) => candidate.name === name);
    const before = changed.get(name) ?? subject?.sql ?? "";
    if (before.split(from).length !== 2) {
      throw new Error(`mutant "${designed.name}": "${from}" stands not once in ${name}`);
    }
    changed.set(
      name,
      before.replace(from, () => to),
    );
  }
  const names = [...changed.keys()];
  return {
    name: `designed: ${designed.name}`,
    kind: "designed",
    file: functions.find(({ name }) => name === names[0])?.file ?? "",
    functions: names,
    sql: [...changed.values()].join("\n"),
  };
}

export function mutantsOf({ file, name, sql }: SqlFunction): Mutant[] {
  const [header, ...layers] = layersOf(sql);
  const of = (kind: string, edits: Edit[], tokens: Token[]) =>
    edits.map((edit) => ({
      name: `${file.replace(/^.*\//, "")}.${name} ${kind}: ${describe(edit, tokens)}`,
      kind,
      file,
      functions: [name],
      sql: sql.slice(0, edit.start) + edit.text + sql.slice(edit.end),
    }));
  // Of what stands before the body, only its settings.
  const settings = header ? of("constant", OPERATORS.constant?.(header) ?? [], header.tokens) : [];
  return [
    ...settings,
    ...layers.flatMap((layer) =>
      Object.entries(OPERATORS).flatMap(([kind, operator]) =>
        of(kind, operator(layer), layer.tokens),
      ),
    ),
  ];
}

/** The change with three words around it: `queue.next_attempt_at [<= → >] p_now`. */
function describe(edit: Edit, tokens: Token[]): string {
  const text = (of: Token[]) => textOf(of, 0, of.length).replace(/\s+/g, " ");
  const inside = tokens.filter((t) => t.start >= edit.start && t.end <= edit.end);
  const before = tokens.filter((t) => t.end <= edit.start).slice(-3);
  const after = tokens.filter((t) => t.start >= edit.end).slice(0, 3);
  const change = `[${shortened(text(inside))} → ${shortened(edit.text.replace(/\s+/g, " ").trim()) || "nothing"}]`;
  return `${shortened(text(before), 40)} ${change} ${shortened(text(after), 40)}`.trim();
}

function shortened(text: string, length = 80): string {
  if (text.length <= length) return text;
  return `${text.slice(0, length * 0.6)} … ${text.slice(-length * 0.3)}`;
}

/** Two operators may say the same; the first one's name counts. */
function withoutDoubles(mutants: Mutant[]): Mutant[] {
  const seen = new Set<string>();
  return mutants.filter(({ sql }) => {
    const text = sql.replace(/\s+/g, " ").replace(/ ([,;)])/g, "$1");
    return !seen.has(text) && seen.add(text);
  });
}

function numbered(mutants: Mutant[]): Mutant[] {
  const counts = new Map<string, number>();
  return mutants.map((mutant) => {
    const count = (counts.get(mutant.name) ?? 0) + 1;
    counts.set(mutant.name, count);
    return count === 1 ? mutant : { ...mutant, name: `${mutant.name} #${count}` };
  });
}
