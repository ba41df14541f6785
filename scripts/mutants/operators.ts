/** What a mutant changes, kind by kind. Each operator looks at one layer of a function's text and proposes edits. */
import {
  conditionAfter,
  isSimpleCase,
  opensCondition,
  operandsOf,
  type Span,
} from "./conditions.ts";
import type { Layer, Token } from "./tokens.ts";

export interface Edit {
  start: number;
  end: number;
  text: string;
}

type Operator = (layer: Layer) => Edit[];

export const OPERATORS: Record<string, Operator> = {
  lock,
  condition,
  comparison,
  constant,
  branch,
  statement,
  handler,
  coalesce,
  order,
  distinct,
};

/** Locks that are not taken, or waited for. */
function lock({ tokens }: Layer): Edit[] {
  return tokens.flatMap((token, index) => {
    if (token.word === "pg_try_advisory_xact_lock") {
      return [cut(token, tokens[closing(tokens, index + 1)], "true")];
    }
    const clause = words(tokens, index, 8).match(
      /^for (no key )?update( of \w+)?( skip locked)?/,
    )?.[0];
    if (!clause) return [];
    const last = index + clause.split(" ").length - 1;
    const whole = cut(token, tokens[last], "");
    if (!clause.endsWith("skip locked")) return [whole];
    return [whole, cut(tokens[last - 1], tokens[last], "")];
  });
}

/** A condition that asks for less: one operand of and is true, one of or is false. */
function condition(layer: Layer): Edit[] {
  return operandsOf(layer).map(({ span, isOfOr }) =>
    replaced(layer, span, isOfOr ? "false" : "true"),
  );
}

/** A branch that is never taken. */
function branch(layer: Layer): Edit[] {
  return layer.tokens.flatMap((token, index) => {
    if (token.word === "when" && isSimpleCase(layer.tokens, index)) {
      const value = layer.tokens[index + 1];
      return [cut(value, value, "null")];
    }
    const branches = ["if", "elsif", "when"].includes(token.word) && opensCondition(layer, index);
    return branches ? [replaced(layer, conditionAfter(layer, index), "false")] : [];
  });
}

const OPPOSITES: Record<string, string> = {
  "<": ">=",
  ">": "<=",
  "<=": ">",
  ">=": "<",
  "=": "<>",
  "<>": "=",
  "~": "!~",
};

/** A comparison that says the opposite. */
function comparison({ tokens }: Layer): Edit[] {
  return tokens.flatMap((token, index) => {
    const opposite = OPPOSITES[token.word];
    if (opposite) return isAssignment(tokens, index) ? [] : [cut(token, token, opposite)];
    const here = words(tokens, index, 3);
    if (/^is not (null|distinct|true)/.test(here))
      return [cut(tokens[index + 1], tokens[index + 1], "")];
    if (/^is (null|distinct|true)/.test(here)) return [cut(token, token, "is not")];
    const isNegated = ["not", "is"].includes(tokens[index - 1]?.word ?? "");
    if (token.word === "not" && !isNegated) return [cut(token, token, "")];
    if (isNegated || !/^(exists|in) \(/.test(here)) return [];
    return [cut(token, token, `not ${token.word}`)];
  });
}

/** In `update … set a = 1`, `raise … using hint = ''` and `get diagnostics n = row_count` it assigns. */
function isAssignment(tokens: Token[], index: number): boolean {
  const depth = tokens[index]?.depth ?? 0;
  for (let i = index - 1; i >= 0; i -= 1) {
    const token = tokens[i];
    if (!token || token.depth < depth) return false;
    if (token.depth > depth) continue;
    if (["set", "using", "diagnostics"].includes(token.word)) return true;
    if (["where", "on", "when", "and", "or", "if", "select", "return", ":="].includes(token.word)) {
      return false;
    }
  }
  return false;
}

const DURATION = /^'(\d+(?:\.\d+)?)( ?(?:ms|s|seconds?|minutes?|hours?|days?))'$/;

/** A number or a time twice as large; 1 for 0. */
function constant({ tokens, isTemplate }: Layer): Edit[] {
  return tokens.flatMap((token, index) => {
    const [, amount, unit] = DURATION.exec(token.text) ?? [];
    if (amount && unit) return [cut(token, token, `'${Number(amount) * 2}${unit}'`)];
    if (!token.isNumber || (isTemplate && tokens[index - 1]?.word === "%")) return [];
    const value = Number(token.text);
    // Twice a number of ten digits would be no int.
    const other = value === 0 ? 1 : value > 1e9 ? value - 1 : value * 2;
    return [cut(token, token, String(other))];
  });
}

const STARTS = new Set(["perform", "update", "insert", "delete", "execute"]);
const BEFORE_STATEMENT = new Set([";", "begin", "then", "else", "loop"]);

/** A statement that is not executed. */
function statement({ tokens, isTemplate }: Layer): Edit[] {
  return tokens.flatMap((token, index) => {
    const isFirst = BEFORE_STATEMENT.has(tokens[index - 1]?.word ?? "");
    if (token.depth > 0 || !isFirst || !STARTS.has(token.word)) return [];
    const last = tokens.findIndex((t, i) => i > index && t.word === ";");
    const end = tokens[last];
    if (!end) return [];
    if (!isTemplate) return [cut(token, end, "")];
    return [{ start: token.start, end: token.start, text: "if false then " }].map((edit) => ({
      ...edit,
      end: end.end,
      text: `${edit.text}${textOf(tokens, index, last + 1)} end if;`,
    }));
  });
}

/** An exception block that catches nothing. */
function handler({ tokens }: Layer): Edit[] {
  return tokens.flatMap((token, index) =>
    words(tokens, index - 2, 3) === "exception when others"
      ? [cut(token, token, "sqlstate 'CS999'")]
      : [],
  );
}

/** Without the value that stands in for null. */
function coalesce({ tokens, isTemplate }: Layer): Edit[] {
  return tokens.flatMap((token, index) => {
    if (token.word !== "coalesce" || isTemplate) return [];
    const comma = tokens.findIndex(
      (t, i) => i > index && t.word === "," && t.depth === token.depth + 1,
    );
    const last = tokens[closing(tokens, index + 1)];
    return [cut(token, last, `(${textOf(tokens, index + 2, comma)})`)];
  });
}

/** Sorted the other way round, key by key. */
function order({ tokens }: Layer): Edit[] {
  return tokens.flatMap((token, index) => {
    if (token.word === "nulls") {
      const place = tokens[index + 1];
      return [cut(place, place, place?.word === "first" ? "last" : "first")];
    }
    if (token.word !== "order" || tokens[index + 1]?.word !== "by") return [];
    return sortKeys(tokens, index + 2).map((last) => {
      const key = tokens[last];
      return key?.word === "desc" ? cut(key, key, "") : insertedAfter(key, " desc");
    });
  });
}

/** The last token of each key after order by, without nulls first. */
function sortKeys(tokens: Token[], from: number): number[] {
  const depth = tokens[from]?.depth ?? 0;
  const ends = new Set(["limit", "rows", "for", "loop", ";", "nulls", "union"]);
  const lasts: number[] = [];
  for (let i = from; i <= tokens.length; i += 1) {
    const token = tokens[i];
    const isEnd = !token || token.depth < depth || (token.depth === depth && ends.has(token.word));
    if (isEnd || (token?.depth === depth && token.word === ",")) lasts.push(i - 1);
    if (isEnd) break;
  }
  return lasts;
}

/** Duplicates that stay. */
function distinct({ tokens }: Layer): Edit[] {
  return tokens.flatMap((token, index) => {
    if (token.word !== "distinct" || tokens[index + 1]?.word === "from") return [];
    const isOn = tokens[index + 1]?.word === "on";
    return [cut(token, isOn ? tokens[closing(tokens, index + 2)] : token, "")];
  });
}

function replaced({ tokens, isTemplate }: Layer, span: Span, text: "true" | "false"): Edit {
  const edit = cut(tokens[span.from], tokens[span.to - 1], text);
  if (!isTemplate) return edit;
  // What format() fills in stays, and decides nothing.
  const original = textOf(tokens, span.from, span.to);
  return {
    ...edit,
    text: text === "true" ? `(true or (${original}))` : `(false and (${original}))`,
  };
}

function cut(first: Token | undefined, last: Token | undefined, text: string): Edit {
  if (!first || !last) throw new Error(`no end of what becomes "${text}"`);
  return { start: first.start, end: last.end, text };
}

function insertedAfter(token: Token | undefined, text: string): Edit {
  if (!token) throw new Error(`nothing before "${text}"`);
  return { start: token.end, end: token.end, text };
}

/** The tokens as text; blanks between them become one, comments go. */
export function textOf(tokens: Token[], from: number, to: number): string {
  return tokens
    .slice(from, to)
    .map((token, i) => {
      const before = i > 0 ? tokens[from + i - 1] : undefined;
      return before && before.end < token.start ? ` ${token.text}` : token.text;
    })
    .join("");
}

function words(tokens: Token[], from: number, count: number): string {
  if (from < 0) return "";
  return tokens
    .slice(from, from + count)
    .map((token) => token.word)
    .join(" ");
}

function closing(tokens: Token[], open: number): number {
  const depth = tokens[open]?.depth ?? 0;
  return tokens.findIndex(
    (token, i) => i > open && token.depth === depth && [")", "]"].includes(token.word),
  );
}
