/** Looks for strings that could be a real secret in what is committed, about to be, or was once. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";

export interface Finding {
  /** Line, from 1. */
  line: number;
  kind: string;
  /** The first characters only: a report is no place for a secret. */
  beginning: string;
}

const PATTERNS: {
  kind: string;
  pattern: RegExp;
  isFake?: (match: string, line: string) => boolean;
}[] = [
  { kind: "private key", pattern: /BEGIN [A-Z ]*PRIVATE KEY/g },
  {
    kind: "webhook secret",
    pattern: /whsec_[A-Za-z0-9+/_-]{20,}={0,2}/g,
    // Random bytes are not all of them letters of a sentence.
    isFake: (match) =>
      match === PUBLISHED ||
      /^[ -~]+$/.test(Buffer.from(match.slice(6), "base64").toString("latin1")),
  },
  { kind: "Supabase secret key", pattern: /\bsb_secret_[A-Za-z0-9_-]{16,}/g },
  { kind: "Supabase access token", pattern: /\bsbp_[0-9a-f]{20,}/g },
  { kind: "Stripe key", pattern: /\b[srp]k_(?:live|test)_[A-Za-z0-9]{16,}/g },
  { kind: "JWT", pattern: /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}/g },
  {
    kind: "long hex string",
    pattern: /\b[0-9a-f]{32,}\b/gi,
    isFake: (_, line) => /sha-?\d+|checksum|commit/i.test(line),
  },
  {
    kind: "long random value of a key, secret or token",
    pattern: /(?:key|secret|token|password)["']?\s*[:=]\s*["'][A-Za-z0-9+/_-]{24,}={0,2}["']/gi,
    isFake: (match) => !looksRandom(match.replace(/^[^:=]*[:=]\s*/, "")),
  },
];

const PUBLISHED = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"; // the example of Standard Webhooks
const SAYS_FAKE = /fake|example/i;
const NOT_READ = /(^|\/)package-lock\.json$/;

/** Every suspicious string of a text. */
export function findSecrets(text: string): Finding[] {
  return text.split("\n").flatMap((content, index) => {
    if (SAYS_FAKE.test(content)) return [];
    return PATTERNS.flatMap(({ kind, pattern, isFake }) =>
      [...content.matchAll(pattern)]
        .map(([match]) => match)
        .filter((match) => !saysItIsFake(match) && !isFake?.(match, content))
        .map((match) => ({ line: index + 1, kind, beginning: match.slice(0, 10) })),
    );
  });
}

/** The findings in all files that git knows or would add, as `path:line: kind`. */
export async function findSecretsInTree(root: string): Promise<string[]> {
  const { stdout } = await execa("git", ["ls-files", "-coz", "--exclude-standard"], { cwd: root });
  const files = stdout.split("\0").filter((file) => file !== "" && !NOT_READ.test(file));
  return files.flatMap((file) =>
    findSecrets(readText(join(root, file))).map(
      ({ line, kind, beginning }) => `${file}:${line}: ${kind} ${beginning}…`,
    ),
  );
}

/** What each commit has added, as `commit path: kind`; of a shallow clone, of the commits that are there. Generated migrations repeat sql/. */
export async function findSecretsInHistory(root: string): Promise<string[]> {
  const git = execa(
    "git",
    [
      ...[
        "log",
        "--all",
        "--patch",
        "--unified=0",
        "--no-color",
        "--no-ext-diff",
        "--format=commit %h",
      ],
      ...["--", ".", ":!package-lock.json", ":!supabase/migrations"],
    ],
    { cwd: root, buffer: false },
  );
  const found = new Set<string>();
  let [commit, file] = ["", ""];
  for await (const line of git) {
    if (line.startsWith("commit ")) commit = line.slice("commit ".length);
    else if (line.startsWith("+++ ")) file = line.replace(/^\+\+\+ (b\/)?/, "");
    else if (line.startsWith("+")) {
      for (const { kind, beginning } of findSecrets(line.slice(1))) {
        found.add(`${commit} ${file}: ${kind} ${beginning}…`);
      }
    }
  }
  await git;
  return [...found];
}

/** Empty for a binary file, and for one that git still knows but that is gone. */
function readText(path: string): string {
  try {
    const bytes = readFileSync(path);
    return bytes.includes(0) ? "" : bytes.toString("utf8");
  } catch {
    return "";
  }
}

/** Our fakes say so, plainly or in base64. */
function saysItIsFake(match: string): boolean {
  const parts = match.split(/[._]/).map((part) => Buffer.from(part, "base64").toString("latin1"));
  return parts.some((part) => SAYS_FAKE.test(part)) || isPatterned(match);
}

/** Mostly a few characters over and over, or hardly any variety. */
function isPatterned(text: string): boolean {
  const rest = text.replaceAll(/(.{1,16}?)\1{3,}|0123456789abcdef/gi, "");
  return rest.length < text.length / 2 || entropy(text) < 2.5;
}

/** Words with dashes have few digits, and these at their end. */
function looksRandom(text: string): boolean {
  return entropy(text) >= 4 && (text.match(/\d+/g) ?? []).length >= 3;
}

/** Bits per character. */
function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  return [...counts.values()]
    .map((count) => count / text.length)
    .reduce((bits, share) => bits - share * Math.log2(share), 0);
}
