/**
 * A text as it may be read: with the escapes of JSON, URLs and HTML undone, once, twice and a third time, without regard
 * to case, accents and kinds of white space. Each character knows where it stood, so that what is found in a reading can be
 * taken out of the text. In time linear in the text: it is a stranger's.
 */

/** What is escaped within an escaped text within an escaped text. */
const DEPTH = 3;

export interface Reading {
  text: string;
  /** For each UTF-16 unit of it: where in the text what it stands for begins, and ends. */
  from: number[];
  to: number[];
}

type Letter = { character: string; from: number; to: number };

/** As it stands; and, as long as that changes anything, with one more layer of escapes undone. */
export function readingsOf(text: string): Reading[] {
  let letters = lettersOf(text);
  const readings = [folded(letters)];
  for (let layer = 0; layer < DEPTH; layer += 1) {
    const unescaped = withoutEscapes(letters);
    if (unescaped.length === letters.length) break;
    letters = unescaped;
    readings.push(folded(letters));
  }
  return readings;
}

/** A value as it stands in a reading in which nothing is escaped any more. */
export function fold(text: string): string {
  return folded(lettersOf(text)).text.trim();
}

function lettersOf(text: string): Letter[] {
  let at = 0;
  return Array.from(text, (character) => {
    const from = at;
    at += character.length;
    return { character, from, to: at };
  });
}

/** é as e, white space and + as one space, ’ as ', '' as ', no backslashes. */
function folded(letters: readonly Letter[]): Reading {
  const units: string[] = [];
  const from: number[] = [];
  const to: number[] = [];
  for (const letter of letters) {
    const plain = foldedOnce(letter.character);
    const last = units.length - 1;
    // A mark belongs to its letter; of white space and quotation marks a run counts as one.
    if (last >= 0 && (plain === "" || (MERGED.has(plain) && units[last] === plain))) {
      to[last] = letter.to;
      continue;
    }
    for (const unit of plain.split("")) {
      units.push(unit);
      from.push(letter.from);
      to.push(letter.to);
    }
  }
  return { text: units.join(""), from, to };
}

const MERGED = new Set([" ", "'", '"']);

/** Kept, for a text has few different ones; not for ever, for there are a million. */
const known = new Map<string, string>();

function foldedOnce(character: string): string {
  const before = known.get(character);
  if (before !== undefined) return before;
  if (known.size > 2_000) known.clear();
  const plain = foldedCharacter(character);
  known.set(character, plain);
  return plain;
}

function foldedCharacter(character: string): string {
  if (/[\s+\p{Cc}]/u.test(character)) return " ";
  if (character === "\\") return "";
  if (/['`´‘’]/.test(character)) return "'";
  if (/["“”]/.test(character)) return '"';
  if (/[\x21-\x7e]/.test(character)) return character.toLowerCase();
  if (/\p{Surrogate}/u.test(character)) return "\uFFFD";
  return character.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

const ESCAPES = [
  /(?:\\u[0-9a-f]{4})+/,
  /\\x[0-9a-f]{2}/,
  /\\[nrtfbv]/,
  /(?:%[0-9a-f]{2})+/,
  /&#\d{1,7};?/,
  /&#x[0-9a-f]{1,6};?/,
  /&[a-z]{2,8};/,
];

const ANY_ESCAPE = new RegExp(ESCAPES.map(({ source }) => source).join("|"), "giu");

/** One layer of escapes fewer. Backslashes in a row count as one: each layer of JSON doubles them. */
function withoutEscapes(letters: readonly Letter[]): Letter[] {
  const single = withSingleBackslashes(letters);
  const text = single.map(({ character }) => character).join("");
  // Of a character of two units, both.
  const letterAt = single.flatMap((letter) => Array(letter.character.length).fill(letter));
  const result: Letter[] = [];
  let at = 0;
  for (const match of text.matchAll(ANY_ESCAPE)) {
    const decoded = decode(match[0]);
    if (decoded === null) continue;
    result.push(...distinct(letterAt.slice(at, match.index)));
    for (const { character, start, end } of decoded) {
      const [first, last] = [letterAt[match.index + start], letterAt[match.index + end - 1]];
      result.push({ character, from: first.from, to: last.to });
    }
    at = match.index + match[0].length;
  }
  result.push(...distinct(letterAt.slice(at)));
  return result;
}

function withSingleBackslashes(letters: readonly Letter[]): Letter[] {
  const result: Letter[] = [];
  for (const letter of letters) {
    const last = result.at(-1);
    if (letter.character === "\\" && last?.character === "\\") last.to = letter.to;
    else result.push({ ...letter });
  }
  return result;
}

function distinct(letters: readonly Letter[]): Letter[] {
  return letters.filter((letter, index) => letter !== letters[index - 1]);
}

/** What an escape stands for, each character with its place in the escape. Null: it is none. */
function decode(escaped: string): { character: string; start: number; end: number }[] | null {
  const whole = (character: string) => [{ character, start: 0, end: escaped.length }];
  if (/^\\u/i.test(escaped)) {
    const units = (escaped.match(/[0-9a-f]{4}/gi) ?? []).map((hex) => Number.parseInt(hex, 16));
    return placed(Array.from(String.fromCharCode(...units)), 6);
  }
  if (/^\\x/i.test(escaped))
    return whole(String.fromCharCode(Number.parseInt(escaped.slice(2), 16)));
  if (escaped.startsWith("\\")) return whole(" ");
  if (escaped.startsWith("%")) return decodePercent(escaped);
  const character = decodeEntity(escaped.replace(/^&|;$/g, ""));
  return character === null ? null : whole(character);
}

/** So many characters of the escape for each UTF-16 unit. */
function placed(characters: readonly string[], width: number) {
  let at = 0;
  return characters.map((character) => {
    const start = at;
    at += character.length * width;
    return { character, start, end: at };
  });
}

/** UTF-8, and byte by byte Latin-1 where it is none. */
function decodePercent(escaped: string) {
  const bytes = (escaped.match(/[0-9a-f]{2}/gi) ?? []).map((hex) => Number.parseInt(hex, 16));
  const result: { character: string; start: number; end: number }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] ?? 0;
    const length = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    const decoded = utf8(bytes.slice(at, at + length));
    const end = at + (decoded === null ? 1 : length);
    result.push({ character: decoded ?? String.fromCharCode(first), start: 3 * at, end: 3 * end });
    at = end;
  }
  return result;
}

const STRICT_UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function utf8(bytes: readonly number[]): string | null {
  try {
    return STRICT_UTF_8.decode(Uint8Array.from(bytes));
  } catch {
    return null;
  }
}

/** Of HTML's names those of Latin-1's letters and of quotation marks (WHATWG HTML, named character references). */
const ENTITIES: Record<string, string> = {
  ...{ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " ", lsquo: "'", rsquo: "'" },
  ...{ ldquo: '"', rdquo: '"', laquo: "«", raquo: "»", euro: "€", deg: "°" },
  ...{
    aelig: "æ",
    oelig: "œ",
    szlig: "ß",
    eth: "ð",
    thorn: "þ",
    oslash: "ø",
    ordm: "º",
    ordf: "ª",
  },
};

function decodeEntity(name: string): string | null {
  if (name.startsWith("#")) {
    const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code <= 0x10ffff ? String.fromCodePoint(code) : null;
  }
  const accented = /^([a-z])(?:acute|grave|circ|uml|tilde|cedil|ring|caron)$/i.exec(name);
  return accented?.[1] ?? ENTITIES[name.toLowerCase()] ?? null;
}
