import type { Secret } from "./destinations.ts";
import { isJsonNumber } from "./json.ts";
import { fold, type Reading, readingsOf } from "./readings.ts";

const ERROR_LIMIT = 500;

/** Characters of an answer that are looked at: of what is kept, some eight times as much. */
const LOOKED_AT = 4_000;

/** So many characters of a long value are enough to know it by; what follows of it goes with them. */
const ENOUGH = 64;

/** Of an escape that was cut in two, as it stands in a reading. */
const CUT_ESCAPE = 12;

/**
 * A receiver's text that may be kept: each value of the payload replaced by `<its field>`, each secret
 * by `<its variable>`, in whatever form it was written back (readings.ts), a long value also if it was cut;
 * controls removed, at most 500 characters. Booleans stay: they tell nothing about a person. `cut`: the
 * text was not read to its end, so a value may have been cut in two there; as much is dropped.
 */
export function redact(text: string, payload: object, secrets: Secret[], cut = false): string {
  const looked = text.slice(0, LOOKED_AT);
  const needles = [...needlesOfPayload(payload), ...secrets.map(needleOfSecret)];
  const readings = readingsOf(looked);
  const end = cut || looked.length < text.length ? lastWhole(readings, needles) : looked.length;
  const spans = needles.flatMap((needle) => [
    ...readings.flatMap((reading) => spansIn(reading, needle)),
    ...literalSpans(looked, needle),
  ]);
  return shorten(tidy(replaceAll(looked, spans, end)), ERROR_LIMIT);
}

/** At most `limit` characters as Postgres counts them. */
export function shorten(text: string, limit = ERROR_LIMIT): string {
  const characters = [...text];
  return characters.length <= limit ? text : `${characters.slice(0, limit - 1).join("")}…`;
}

/** A value, the folded texts by which it is found, and how long it is. */
type Needle = {
  value: string;
  texts: string[];
  pattern?: RegExp;
  label: string;
  length: number;
  standsAlone: boolean;
};

type Span = { from: number; to: number; label: string; length: number };

/** Overlapping finds become one, named after the longest value in it. What begins at `end` or later is dropped. */
function replaceAll(text: string, spans: Span[], end: number): string {
  const merged: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (!last || span.from >= last.to) {
      merged.push({ ...span });
      continue;
    }
    last.to = Math.max(last.to, span.to);
    if (span.length > last.length) Object.assign(last, { label: span.label, length: span.length });
  }
  let result = "";
  let at = 0;
  for (const span of merged.filter(({ from }) => from < end)) {
    result += `${text.slice(at, span.from)}<${span.label}>`;
    at = span.to;
  }
  return result + text.slice(at, Math.max(at, end));
}

/** Up to where no value can have been cut in two. */
function lastWhole(readings: readonly Reading[], needles: readonly Needle[]): number {
  const longest = Math.max(0, ...needles.map(({ length }) => Math.min(length, ENOUGH)));
  return Math.min(
    ...readings.map(({ from }) => from[Math.max(0, from.length - longest - CUT_ESCAPE)] ?? 0),
  );
}

function spansIn({ text, from, to }: Reading, needle: Needle): Span[] {
  const spans: Span[] = [];
  for (const wanted of needle.texts) {
    const beginning = wanted.slice(0, ENOUGH);
    for (let at = text.indexOf(beginning); at >= 0; ) {
      let end = at + beginning.length;
      while (end - at < wanted.length && wanted[end - at] === text[end]) end += 1;
      if (!needle.standsAlone || standsAlone(text, at, end)) {
        const { label, length } = needle;
        spans.push({ from: from[at] ?? 0, to: to[end - 1] ?? 0, label, length });
      }
      at = text.indexOf(beginning, end);
    }
  }
  return spans;
}

function standsAlone(text: string, from: number, to: number): boolean {
  return !/[\p{L}\p{N}]/u.test(`${text[from - 1] ?? ""}${text[to] ?? ""}`);
}

/** As it is, for a value of marks alone, of which a reading leaves nothing; and what has a pattern of its own. */
function literalSpans(text: string, { value, pattern, label, length, texts }: Needle): Span[] {
  const found = [...(pattern ? text.matchAll(pattern) : [])].map((match) => ({
    from: match.index,
    to: match.index + match[0].length,
  }));
  if (texts.length === 0) {
    for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + value.length)) {
      found.push({ from: at, to: at + value.length });
    }
  }
  return found.map((span) => ({ ...span, label, length }));
}

function needlesOfPayload(value: unknown, field = ""): Needle[] {
  if (typeof value === "string")
    return value.trim() === "" ? [] : [textNeedle(value.trim(), field)];
  if (isJsonNumber(value)) return [numberNeedle(value.value, field)];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => needlesOfPayload(inner, key));
}

function needleOfSecret({ label, value }: Secret): Needle {
  return { ...textNeedle(value, label), standsAlone: false };
}

function textNeedle(value: string, label: string): Needle {
  const digits = value.replace(/\D/g, "");
  const isPhone = digits.length >= 7 && digits.length <= 20 && /^[\d\s+()./-]+$/.test(value);
  return {
    value,
    texts: foldedForms(value.slice(0, 2 * LOOKED_AT)),
    ...(isPhone && { pattern: digitsPattern(digits.slice(-9)) }),
    label,
    length: value.length,
    // A value of one to three characters is one only where it stands alone.
    standsAlone: value.length <= 3,
  };
}

/**
 * As it is, as UTF-8 that was read as Latin-1, and as Latin-1 that was read as UTF-8. What looks like an escape in it, as in
 * `C:\new`, also as the readings of an answer take it.
 */
function foldedForms(value: string): string[] {
  const bytes = new TextEncoder().encode(value);
  const forms = /^[\x20-\x7e]*$/.test(value)
    ? [value]
    : [
        value,
        Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""),
        value.replace(/\P{ASCII}/gu, "\uFFFD"),
      ];
  const texts = forms.flatMap((form) => readingsOf(form).map(({ text }) => text.trim()));
  return [...new Set(texts)].filter((text) => text !== "");
}

/** 19.90 also as 19.9 and 19,90, and never inside a longer number. */
function numberNeedle(digits: string, label: string): Needle {
  const forms = new Set([digits, String(Number(digits))]);
  for (const form of [...forms]) forms.add(form.replace(".", ","));
  return {
    value: digits,
    texts: [...forms].map(fold),
    label,
    length: digits.length,
    standsAlone: true,
  };
}

/** Phone numbers come back regrouped and with another prefix: 06 12… as +33612…. */
function digitsPattern(digits: string): RegExp {
  const gap = "[\\s.()/-]*";
  return new RegExp(`\\+?(?:\\d${gap}){0,6}${[...digits].join(gap)}`, "gu");
}

/** What Postgres can store as JSON text: no controls, no half of a surrogate pair. */
function tidy(text: string): string {
  return text
    .replace(/\p{Surrogate}/gu, "\uFFFD")
    .replace(/[\p{Cc}\p{White_Space}]+/gu, " ")
    .trim();
}
