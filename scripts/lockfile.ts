/**
 * Completes package-lock.json with the platform packages that a registry mirror did not serve.
 *
 * `npm install` leaves an optional package out of the lockfile when its registry answers 404, and
 * `npm ci` then refuses the lockfile on every platform. This adds the missing entries (name, version
 * and platform, without an integrity hash, which only the registry knows). Safe to repeat.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { program } from "commander";

interface LockedPackage {
  version?: string;
  optional?: boolean;
  optionalDependencies?: Record<string, string>;
  [field: string]: unknown;
}

const OPERATING_SYSTEMS = [
  "darwin",
  "linux",
  "win32",
  "windows",
  "android",
  "freebsd",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "aix",
];
const PROCESSORS = [
  "x64",
  "arm64",
  "arm",
  "ia32",
  "loong64",
  "mips64el",
  "ppc64",
  "riscv64",
  "s390x",
  "wasm32",
];

/** Reads os, cpu and libc out of a package name such as `@deno/linux-arm64-glibc`. */
export function platformOf(name: string): { os?: string[]; cpu?: string[]; libc?: string[] } {
  const words = name.split(/[/-]/);
  const os = OPERATING_SYSTEMS.find((candidate) => words.includes(candidate));
  const cpu = PROCESSORS.find((candidate) => words.includes(candidate));
  const libc = words.includes("musl")
    ? "musl"
    : words.includes("gnu") || words.includes("glibc")
      ? "glibc"
      : undefined;
  return {
    ...(os && { os: [os === "windows" ? "win32" : os] }),
    ...(cpu && { cpu: [cpu] }),
    ...(libc && os === "linux" && { libc: [libc] }),
  };
}

/** Adds the missing optional platform packages; returns their names. */
export function completeLockfile(packages: Record<string, LockedPackage>): string[] {
  const added: string[] = [];
  for (const locked of Object.values(packages)) {
    for (const [name, range] of Object.entries(locked.optionalDependencies ?? {})) {
      const key = `node_modules/${name}`;
      const platform = platformOf(name);
      if (packages[key] || !platform.os) continue;
      packages[key] = {
        version: range.replace(/^[\^~]/, ""),
        dev: true,
        optional: true,
        ...platform,
      };
      added.push(name);
    }
  }
  return added;
}

if (import.meta.url === `file://${process.argv[1]}`) {
  program
    .name("npm run lockfile")
    .description(
      "Completes package-lock.json with the platform packages that a registry did not serve.",
    )
    .parse();
  const file = "package-lock.json";
  const lock = JSON.parse(readFileSync(file, "utf8"));
  const added = completeLockfile(lock.packages);
  lock.packages = Object.fromEntries(
    Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`lockfile: ${added.length} platform packages added`);
}
