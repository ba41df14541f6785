/** Finds the parts of conditions: what stands between where, on, when, if, and, or, and the next clause. */
import type { Layer, Token } from "./tokens.ts";

/** Tokens from `from` up to, not including, `to`. */
export interface Span {
  from: number;
  to: number;
}

const OPENERS = new Set(["where", "on", "when", "if", "elsif", "having"]);

const BOUNDARIES = new Set([
  ...OPENERS,
  ...["and", "or", ",", ";", ":=", "=>", "then", "else", "select", "from", "join", "left", "cross"],
  ...["order", "group", "limit", "returning", "as", "return", "window", "union", "for", "loop"],
  ...["set", "values", "end", "partition", "rows", "using", "with", "insert", "update", "delete"],
  ...["into", "begin", "declare", "exception", "raise", "perform", "execute", "by"],
]);

/** Whether the word at `index` opens a condition: not every `on`, `if` and `when` does. */
export function opensCondition({ tokens }: Layer, index: number): boolean {
  const word = tokens[index]?.word ?? "";
  const before = tokens[index - 1]?.word ?? "";
  const after = tokens[index + 1]?.word ?? "";
  if (!OPENERS.has(word)) return false;
  if (word === "on") return before !== "distinct" && !["conflict", "function"].includes(after);
  if (word === "if") return before !== "end";
  if (word === "when") return before !== "exception" && !isSimpleCase(tokens, index);
  return true;
}

/** `case x when 1`: what follows when is a value. */
export function isSimpleCase(tokens: Token[], when: number): boolean {
  const depth = tokens[when]?.depth ?? 0;
  for (let i = when - 1; i >= 0; i -= 1) {
    const token = tokens[i];
    if (token && token.depth < depth)
      return token.word === "case" && tokens[i + 1]?.word !== "when";
  }
  return false;
}

/** From an opener to the end of its condition. */
export function conditionAfter({ tokens }: Layer, opener: number): Span {
  return { from: opener + 1, to: endOf(tokens, opener + 1, isEndOfCondition) };
}

function isEndOfCondition(tokens: Token[], index: number): boolean {
  return ["then", ";"].includes(tokens[index]?.word ?? "");
}

/** Each operand of and, each of or, and each condition that is neither. */
export function operandsOf(layer: Layer): { span: Span; isOfOr: boolean }[] {
  const { tokens } = layer;
  const found = new Map<number, { span: Span; isOfOr: boolean }>();
  const add = (span: Span) => {
    // A fragment of SQL in a string may begin with a line break, and then with and.
    if (span.to <= span.from || tokens[span.from]?.word === "\\" || found.has(span.from)) return;
    const [before, after] = [span.from - 1, span.to];
    const isOperandOf = (word: string) =>
      [before, after].some((i) => tokens[i]?.word === word && isJunction(tokens, i));
    found.set(span.from, { span, isOfOr: isOperandOf("or") && !isOperandOf("and") });
  };
  for (const index of tokens.keys()) {
    if (isJunction(tokens, index)) {
      add({ from: startOf(tokens, index), to: index });
      add({ from: index + 1, to: endOf(tokens, index + 1, isBoundary) });
    } else if (opensCondition(layer, index)) {
      add({ from: index + 1, to: endOf(tokens, index + 1, isBoundary) });
    }
  }
  return [...found.values()];
}

/** An `and` or `or` between conditions: not that of between, nor of create or replace. */
function isJunction(tokens: Token[], index: number): boolean {
  const word = tokens[index]?.word;
  if (word === "or") return tokens[index - 1]?.word !== "create";
  return word === "and" && !isAndOfBetween(tokens, index);
}

function isAndOfBetween(tokens: Token[], index: number): boolean {
  const depth = tokens[index]?.depth ?? 0;
  for (let i = index - 1; i >= 0; i -= 1) {
    const token = tokens[i];
    if (!token || token.depth < depth) return false;
    if (token.depth > depth) continue;
    if (token.word === "between") return true;
    if (BOUNDARIES.has(token.word)) return false;
  }
  return false;
}

function isBoundary(tokens: Token[], index: number): boolean {
  const word = tokens[index]?.word ?? "";
  if (word === "left") return tokens[index + 1]?.word !== "(";
  if (word === "and") return !isAndOfBetween(tokens, index);
  // … is distinct from …
  if (word === "from") return tokens[index - 1]?.word !== "distinct";
  return BOUNDARIES.has(word);
}

function startOf(tokens: Token[], index: number): number {
  const depth = tokens[index]?.depth ?? 0;
  let start = index;
  while (start > 0) {
    const token = tokens[start - 1];
    if (!token || token.depth < depth) break;
    if (token.depth === depth && isBoundary(tokens, start - 1)) break;
    start -= 1;
  }
  return start;
}

function endOf(
  tokens: Token[],
  from: number,
  ends: (tokens: Token[], index: number) => boolean,
): number {
  const depth = tokens[from]?.depth ?? 0;
  let end = from;
  while (end < tokens.length) {
    const token = tokens[end];
    if (!token || token.depth < depth) break;
    if (token.depth === depth && ends(tokens, end)) break;
    end += 1;
  }
  return end;
}
