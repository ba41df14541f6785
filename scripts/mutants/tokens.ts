/**
 * SQL text as tokens, by Postgres's own lexer: PL/pgSQL uses the same one. Quoted SQL inside (function bodies, templates of
 * generated functions, text handed to execute) is read the same way.
 */
import { loadModule, scanSync } from "@libpg-query/parser";

await loadModule();

export interface Token {
  /** As written; words in lower case in `word`. */
  text: string;
  word: string;
  /** Offsets in the whole text, in UTF-16 units. */
  start: number;
  end: number;
  isNumber: boolean;
  isString: boolean;
  /** How many brackets, or `case … end`, it stands in; a bracket itself counts as outside. */
  depth: number;
}

/** Tokens of text that is quoted once as a whole: the statement, its body, a template in the body. */
export interface Layer {
  tokens: Token[];
  /** Read by format(): placeholders have to stay, in number and order. */
  isTemplate: boolean;
}

const DOLLAR = /^(\$\w*\$)([\s\S]*)\1$/;
const PLAIN = /^(e?')([\s\S]*)'$/i;
/** Quoted text that is part of a statement, not a message or a name. */
const IS_SQL =
  /^(\\n|\s)*(select|where|and|left join|union)\b|\bselect\b[\s\S]*\bfrom\b|\bwhere\b|^(old|%s)\./;

export function layersOf(sql: string): Layer[] {
  return readLayers(sql, 0, false);
}

function readLayers(sql: string, offset: number, isTemplate: boolean): Layer[] {
  const tokens = scan(sql, offset);
  const inner = tokens
    .filter((token) => token.isString)
    .flatMap((token) => {
      const dollar = DOLLAR.exec(token.text);
      const quoted = dollar ?? PLAIN.exec(token.text);
      const [, quote, text] = quoted ?? [];
      if (quote === undefined || text === undefined) return [];
      if (dollar ? false : !IS_SQL.test(text)) return [];
      return readLayers(text, token.start + quote.length, quote !== "$$");
    });
  return [{ tokens, isTemplate }, ...inner];
}

function scan(sql: string, offset: number): Token[] {
  const bytes = Buffer.from(sql);
  const isAscii = bytes.length === sql.length;
  // The lexer counts bytes.
  const position = (byte: number) => (isAscii ? byte : bytes.toString("utf8", 0, byte).length);
  const tokens: Token[] = [];
  let depth = 0;
  // The binding makes room for its answer by the number of tokens: a long text in few tokens needs more of them.
  const room = " ;".repeat(Math.ceil(bytes.length / 40));
  for (const { start, end, tokenName } of scanSync(sql + room).tokens) {
    if (start >= bytes.length) break;
    if (tokenName.endsWith("_COMMENT")) continue;
    const [from, to] = [position(start), position(end)];
    const text = sql.slice(from, to);
    const word = text.toLowerCase();
    const closes = [")", "]"].includes(word) || (word === "end" && isEndOfCase(tokens));
    if (closes) depth -= 1;
    tokens.push({
      text,
      word,
      start: from + offset,
      end: to + offset,
      isNumber: tokenName === "ICONST" || tokenName === "FCONST",
      isString: tokenName.endsWith("SCONST"),
      depth,
    });
    if (["(", "["].includes(word) || word === "case") depth += 1;
  }
  return tokens;
}

/** PL/pgSQL has other ends: of blocks, if and loop. */
function isEndOfCase(before: Token[]): boolean {
  let open = 0;
  for (let i = before.length - 1; i >= 0; i -= 1) {
    const word = before[i]?.word;
    if (word === ";") return false;
    if (word === "end") open += 1;
    if (word === "case") {
      if (open === 0) return true;
      open -= 1;
    }
  }
  return false;
}
