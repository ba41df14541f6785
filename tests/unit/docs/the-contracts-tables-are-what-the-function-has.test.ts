import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../../../scripts/sql-files.ts";
import { destinations } from "../../../supabase/functions/crm-sync/destinations.ts";
import {
  classify,
  OUTCOMES,
  retryAfterSeconds,
} from "../../../supabase/functions/crm-sync/outcome.ts";
import { routes } from "../../../supabase/functions/crm-sync/routes.ts";
import { ENV_NAMES, type EnvName } from "../../../supabase/functions/crm-sync/runtime.ts";
import { CANONICAL_DOMAIN, SITE_URL_FALLBACK } from "../../../supabase/functions/crm-sync/site.ts";

const contract = read("docs/contract.md");

test("receivers: their variables, the default, the header", () => {
  const rows = tableUnder("Receivers");
  expect(rows.map(([name]) => wordsIn(name))).toEqual(
    Object.keys(destinations).map((name) => [name]),
  );
  const [monelec, elementor] = rows.map(([, where = "", authentication = ""]) => ({
    where: wordsIn(where),
    authentication,
  }));
  expect(monelec?.where[0]).toBe("MONELEC_API_URL");
  expect(monelec?.authentication).toBe("header `X-API-Key: <MONELEC_API_KEY>`");
  expect(targetOf("monelec", { MONELEC_API_KEY: "fake-key" })).toMatchObject({
    url: monelec?.where[1],
    headers: { "X-API-Key": "fake-key" },
  });
  expect(targetOf("monelec", {})).toMatchObject({ errorCode: "missing_secret" });
  expect(elementor?.where).toEqual(["ELEMENTOR_WEBHOOK_URL"]);
  expect(elementor?.authentication).toBe("the URL itself is the secret");
  expect(targetOf("elementor", { ELEMENTOR_WEBHOOK_URL: "https://shop.test/hook" })).toMatchObject({
    url: "https://shop.test/hook",
    headers: {},
  });
  expect(targetOf("elementor", {})).toMatchObject({ errorCode: "missing_secret" });
});

test("routes: in the function's order, each with its receiver and path", () => {
  const rows = tableUnder("Routes").map(([name = "", , , to = ""]) => {
    const [, destination, path = ""] = /^(\w+)(?: `([^`]+)`)?/.exec(to) ?? [];
    return [wordsIn(name)[0], destination, path];
  });
  expect(rows).toEqual(
    Object.entries(routes).map(([name, { destination, path }]) => [name, destination, path]),
  );
});

test("routes: in the database's order, each of its kind", () => {
  const defined = read("sql/crm_sync/03_routes/routes_of_the_contract.sql").matchAll(
    /define_route\('(\w+)', '(\w+)', '(\w+)'/g,
  );
  expect(
    tableUnder("Routes").map(([name = "", kind, , to = ""]) => [
      wordsIn(name)[0],
      kind,
      to.split(" ")[0],
    ]),
  ).toEqual([...defined].map(([, name, kind, destination]) => [name, kind, destination]));
});

test("answers: each status has the outcome of its row, one that is named before a range", () => {
  const rows = tableUnder("What an answer does").map(([answer, outcome]) => ({
    answers: wordsIn(answer),
    outcome: wordsIn(outcome)[0],
  }));
  expect(rows.map(({ outcome }) => outcome)).toEqual(
    expect.arrayContaining(OUTCOMES as unknown as string[]),
  );
  const rowOf = (answer: string) => rows.find(({ answers }) => answers.includes(answer));
  const spans = rows.flatMap(({ answers, outcome }) =>
    answers.flatMap((answer) => {
      const [, from, to] = /^(\d{3})–(\d{3})$/.exec(answer) ?? [];
      return from && to ? [{ from: Number(from), to: Number(to), outcome }] : [];
    }),
  );
  for (let status = 200; status < 600; status += 1) {
    const span = spans.filter(({ from, to }) => from <= status && status <= to);
    expect([status, span.length]).toEqual([status, 1]);
    expect([status, rowOf(`${status}`)?.outcome ?? span[0]?.outcome]).toEqual([
      status,
      classify(status, { conflictIsDelivered: false }).outcome,
    ]);
  }
  expect(rowOf("receiver_timeout")?.outcome).toBe("unknown");
  expect(rowOf("network")?.outcome).toBe("retry");
  expect(rowOf("missing_secret")?.outcome).toBe("misconfigured");
});

test("answers: the waits between attempts, and the longest Retry-After", () => {
  const section = sectionOf("What an answer does");
  const delays = /retry_delays\s[^[]*\[([^\]]+)\]/.exec(
    read("sql/crm_sync/03_routes/destinations.sql"),
  )?.[1];
  const waits = [...(delays ?? "").matchAll(/'([^']+)'/g)].map(([, wait]) => wait);
  expect(section).toContain(`${waits.length + 1} attempts`);
  expect(section.replace(/\s+/g, " ")).toContain(waits.join(", "));
  expect(retryAfterSeconds("999999", 0)).toBe(24 * 60 * 60);
  expect(section).toContain("at most 24 hours");
});

test("configuration: every variable of the function, and no other", () => {
  const rows = tableUnder("Configuration");
  const secrets = rows.filter(([, where = ""]) => where.startsWith("function secret"));
  const names = secrets.flatMap(([name]) => wordsIn(name));
  expect(names.toSorted()).toEqual([...ENV_NAMES].toSorted());
});

test("configuration: the names that the database looks up in its Vault", () => {
  const named = tableUnder("Configuration")
    .filter(([, where = ""]) => where.includes("Vault"))
    .map(([name, where = ""]) => wordsIn(where)[0] ?? wordsIn(name)[0]);
  expect(named).toEqual(["crm_sync_signing_secret", "crm_sync_function_url"]);
  const secrets = read("sql/crm_sync/02_settings/secrets.sql");
  for (const name of named) expect(secrets).toContain(`'${name}'`);
});

test("configuration: the site and its canonical domain, also in [auth]", () => {
  const row = tableUnder("Configuration").find(([name]) => wordsIn(name)[0] === "SITE_URL");
  expect(wordsIn(row?.[2]).slice(0, 2)).toEqual([
    SITE_URL_FALLBACK,
    `CANONICAL_DOMAIN = ${CANONICAL_DOMAIN}`,
  ]);
  const config = read("supabase/config.toml");
  expect(config).toContain(`"${SITE_URL_FALLBACK}"`);
  expect(config).toContain(CANONICAL_DOMAIN);
});

function targetOf(name: keyof typeof destinations, env: Partial<Record<EnvName, string>>) {
  return destinations[name].target((variable) => env[variable], "");
}

/** The cells of the first table under a heading, row by row, without the heads of its columns. */
function tableUnder(heading: string): string[][] {
  const [, , ...rows] = sectionOf(heading)
    .split("\n")
    .filter((line) => line.startsWith("|"));
  expect(rows.length, heading).toBeGreaterThan(1);
  return rows.map((row) => row.slice(2, -2).split(" | "));
}

function sectionOf(heading: string): string {
  return contract.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
}

/** What stands between backticks. */
function wordsIn(cell = ""): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}
