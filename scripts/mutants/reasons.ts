/** Why a mutant may survive: it does what the original does, or nobody could tell. Kept by the mutant's name. */
import { readFileSync } from "node:fs";
import { z } from "zod";

const file = new URL("./equivalent.json", import.meta.url);

export function readReasons(): Map<string, string> {
  return new Map(
    Object.entries(
      z.record(z.string(), z.string().min(20)).parse(JSON.parse(readFileSync(file, "utf8"))),
    ),
  );
}
