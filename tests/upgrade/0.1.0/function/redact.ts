import type { Secret } from "./destinations.ts";
import { isJsonNumber } from "./json.ts";

const ERROR_LIMIT = 500;

/**
 * A receiver's text that may be kept: each value of the payload replaced by `<its field>`, each secret
 * by `<its variable>`, in whatever form it was written back; controls removed, at most 500 characters.
 * Booleans stay: they tell nothing about a person. `cut`: the text was not read to its end, so a value
 * may have been cut in two there; as much as the longest value is dropped.
 */
export function redact(text: string, payload: object, secrets: Secret[], cut = false): string {
  const needles = [...needlesOfPayload(payload), ...secrets.map(needleOfSecret)].sort(
    (a, b) => b.length - a.length,
  );
  const longest = needles[0]?.length ?? 0;
  const whole = cut ? text.slice(0, Math.max(0, text.length - longest)) : text;
  return shorten(tidy(replaceAll(whole, needles)), ERROR_LIMIT);
}

/** At most `limit` characters as Postgres counts them. */
export function shorten(text: string, limit = ERROR_LIMIT): string {
  const characters = [...text];
  return characters.length <= limit ? text : `${characters.slice(0, limit - 1).join("")}…`;
}

/** What to look for: a pattern, its label, and the length of what it came from. */
type Needle = { pattern: RegExp; label: string; length: number };

type Span = { from: number; to: number; label: string; length: number };

/** Overlapping finds become one, named after the longest value in it. */
function replaceAll(text: string, needles: Needle[]): string {
  const spans = needles.flatMap((needle) => spansOf(text, needle)).sort((a, b) => a.from - b.from);
  const merged: Span[] = [];
  for (const span of spans) {
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
  for (const span of merged) {
    result += `${text.slice(at, span.from)}<${span.label}>`;
    at = span.to;
  }
  return result + text.slice(at);
}

function spansOf(text: string, { pattern, label, length }: Needle): Span[] {
  return [...text.matchAll(pattern)].map((match) => ({
    from: match.index,
    to: match.index + match[0].length,
    label,
    length,
  }));
}

function needlesOfPayload(value: unknown, field = ""): Needle[] {
  if (typeof value === "string") return value.trim() === "" ? [] : textNeedles(value.trim(), field);
  if (isJsonNumber(value)) return [numberNeedle(value.value, field)];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => needlesOfPayload(inner, key));
}

function needleOfSecret({ label, value }: Secret): Needle {
  return { pattern: anyForm(value), label, length: value.length };
}

function textNeedles(value: string, label: string): Needle[] {
  // A value of one to three characters is one only where it stands alone.
  const boundary = value.length <= 3 ? "[\\p{L}\\p{N}]" : "";
  const needles = [{ pattern: anyForm(value, boundary), label, length: value.length }];
  const digits = value.replace(/\D/g, "");
  if (digits.length >= 7 && /^[\d\s+()./-]+$/.test(value)) {
    needles.push({ pattern: digitsPattern(digits.slice(-9)), label, length: value.length });
  }
  return needles;
}

/** 19.90 also as 19.9 and 19,90, and never inside a longer number. */
function numberNeedle(digits: string, label: string): Needle {
  const forms = new Set([digits, String(Number(digits))]);
  for (const form of [...forms]) forms.add(form.replace(".", ","));
  return {
    pattern: bounded([...forms].map(literally), "[\\p{L}\\p{N}]"),
    label,
    length: digits.length,
  };
}

/** Phone numbers come back regrouped and with another prefix: 06 12… as +33612…. */
function digitsPattern(digits: string): RegExp {
  const gap = "[\\s.()/-]*";
  return new RegExp(`\\+?(?:\\d${gap}){0,6}${[...digits].join(gap)}`, "gu");
}

/** The value as it is, and as URLs and HTML write it. */
function formsOf(value: string): Set<string> {
  const wellFormed = value.replace(/\p{Surrogate}/gu, "\uFFFD");
  const url = encodeURIComponent(wellFormed);
  const html = value.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  return new Set([
    value,
    url,
    url.replaceAll("%20", "+"),
    html,
    html.replaceAll('"', "&quot;").replaceAll("'", "&#39;"),
    html.replaceAll('"', "&quot;").replaceAll("'", "&#039;"),
  ]);
}

/** The value as JSON writes it, also all in ASCII, with \/, and as JSON within JSON however deep. */
function escapedPattern(value: string): string {
  return [...value.replace(/\s+/gu, " ")].map(escapedCharacter).join("");
}

function escapedCharacter(character: string): string {
  if (character === " ") return "(?:\\s|\\\\+[nrtfb]|\\\\+u00[0-9a-f]{2})+";
  if (character === "\\") return "\\\\+";
  if (character === '"' || character === "/")
    return `\\\\*${character === "/" ? "\\/" : character}`;
  if (/[\x21-\x7e]/.test(character)) return literally(character);
  const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
  const ascii = units.map((unit) => `\\\\+u${unit.toString(16).padStart(4, "0")}`).join("");
  return `(?:${literally(character)}|${ascii})`;
}

/** Any of the forms of a value, in either case, however its white space came back. */
function anyForm(value: string, boundary = ""): RegExp {
  const plain = [...formsOf(value)]
    .sort((a, b) => b.length - a.length)
    .map((form) => literally(form).replace(/\s+/g, "\\s+"));
  return bounded([...plain, escapedPattern(value)], boundary);
}

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

function bounded(patterns: string[], boundary: string): RegExp {
  const found = `(?:${patterns.join("|")})`;
  return new RegExp(boundary ? `(?<!${boundary})${found}(?!${boundary})` : found, "giu");
}

/** What Postgres can store as JSON text: no controls, no half of a surrogate pair. */
function tidy(text: string): string {
  return text
    .replace(/\p{Surrogate}/gu, "\uFFFD")
    .replace(/[\p{Cc}\p{White_Space}]+/gu, " ")
    .trim();
}
