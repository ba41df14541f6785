/** CONTRIBUTING's five steps, taken in a copy of this repository for a route that nobody has: `quote`, to /quotes. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { expect, it, onTestFinished } from "vitest";
import { ROOT } from "../../../scripts/sql-files.ts";

const MAPPER = `import { z } from "zod";
import type { ColumnsOf } from "../columns.ts";
import { exactNumber, id, payloadNumber, payloadText, text, textOrNull } from "../values.ts";

export const quoteRecord = z
  .object({ id, email: text, price: exactNumber } satisfies ColumnsOf<"quotes">)
  .refine((quote) => textOrNull(quote.email), { path: ["email"], error: "an email" });

export const quotePayload = z.strictObject({
  lovable_quote_id: payloadText,
  email: payloadText,
  price: payloadNumber.nullable(),
});

export function mapQuote(quote: z.infer<typeof quoteRecord>): z.infer<typeof quotePayload> {
  return { lovable_quote_id: quote.id, email: quote.email ?? "", price: quote.price };
}
`;

const SCHEMA = {
  $schema: "http://json-schema.org/draft-07/schema#",
  $id: "quote.schema.json",
  title: "POST /quotes",
  type: "object",
  additionalProperties: false,
  required: ["lovable_quote_id", "email", "price"],
  properties: {
    lovable_quote_id: { $ref: "common.schema.json#/definitions/uuid" },
    email: { $ref: "common.schema.json#/definitions/text" },
    price: { type: ["number", "null"] },
  },
};

const GOLDEN = [
  { name: "a price in cents", email: "ada@example.test", price: "1200.50" },
  { name: "no price", email: "ada@example.test", price: "null" },
  { name: "zero is a price", email: "ada@example.test", price: "0" },
  { name: "a credit", email: "ada@example.test", price: "-1" },
  { name: "digits stay as they were written", email: "ada@example.test", price: "10.10" },
  { name: "nothing is corrected", email: " Ada@Example.test", price: "1" },
  { name: "no email is refused", email: null, price: "1" },
  { name: "a blank email is refused", email: " ", price: "1" },
];

it("and its golden rows reach the receiver as their payloads", { timeout: 600_000 }, async () => {
  const copy = await copyOfTheRepository();

  copy.append(
    "sql/crm_sync/03_routes/routes_of_the_contract.sql",
    `select crm_sync.define_route('quote', 'state', 'monelec', $\${
    "id": "00000000-0000-4000-8000-000000000009", "email": "crm-sync-test@example.com", "price": 0}$$);`,
  );

  copy.append(
    "sql/app/tables.sql",
    `create table public.quotes (
    id         uuid primary key default gen_random_uuid(),
    updated_at timestamptz not null default now(),
    email      text,
    price     numeric
);

comment on table public.quotes is 'What a connection would cost.';

alter table public.quotes enable row level security;

revoke all on public.quotes from anon, authenticated;
grant select, insert, update, delete on public.quotes to service_role;`,
  );
  copy.append(
    "sql/app/attachments.sql",
    `select crm_sync.attach(
    'public.quotes', 'quote', p_watched => array['email', 'price'], p_ordering_key => $$'quote:' || new.id$$
);`,
  );

  copy.write("supabase/functions/crm-sync/mappers/quote.ts", MAPPER);
  copy.replace(
    "supabase/functions/crm-sync/routes.ts",
    "import { mapRequest",
    'import { mapQuote, quotePayload, quoteRecord } from "./mappers/quote.ts";\nimport { mapRequest',
  );
  copy.replace(
    "supabase/functions/crm-sync/routes.ts",
    "} as const satisfies",
    `  quote: route({
    destination: "monelec",
    path: "/quotes",
    recordSchema: quoteRecord,
    payloadSchema: quotePayload,
    map: mapQuote,
  }),
} as const satisfies`,
  );

  copy.replace(
    "docs/contract.md",
    "`payment_session`, `payment_intent`\n```",
    "`quote`\n```\nlovable_quote_id, email, price\n```\n`payment_session`, `payment_intent`\n```",
  );
  GOLDEN.forEach(({ name, email, price }, index) => {
    const id = `5f0c1f5e-2b7d-4c58-9a0e-3f6c6d1a09${index}0`;
    const end = name.endsWith("refused")
      ? '"refused": { "field": "email" }'
      : `"expected": { "lovable_quote_id": "${id}", "email": ${JSON.stringify(email)}, "price": ${price} }`;
    copy.write(
      `tests/golden/quote/${name.replaceAll(" ", "-")}.json`,
      `{ "name": "${name}", "record": { "id": "${id}", "email": ${JSON.stringify(email)}, "price": ${price} }, ${end} }\n`,
    );
  });
  copy.write("scripts/local/receiver/schemas/quote.schema.json", JSON.stringify(SCHEMA));
  copy.replace(
    "scripts/local/receiver/contract.ts",
    "  [\n    ELEMENTOR_PATH,",
    `  [
    \`\${MONELEC_BASE}/quotes\`,
    {
      destination: "monelec",
      schemaFor: () => "quote",
      name: (body) => ({
        entity: id("lovable_quote_id", body.lovable_quote_id),
        subject: id("quote", body.lovable_quote_id),
      }),
    },
  ],
  [
    ELEMENTOR_PATH,`,
  );
  copy.replace(
    "tests/db/catalog/the_routes_are_those_of_the_contract.test.sql",
    "('order_confirmation', 'event', 'elementor')",
    "('order_confirmation', 'event', 'elementor'), ('quote', 'state', 'monelec')",
  );

  const { version } = JSON.parse(copy.read("package.json")) as { version: string };
  if (copy.read("sql/releases.json").includes(`"version": "${version}"`)) {
    copy.replace("package.json", `"version": "${version}"`, '"version": "99.0.0"');
    copy.replace("sql/crm_sync/01_setup/version.sql", `'${version}'`, "'99.0.0'");
  }
  await copy.run("tsx", "scripts/migrations.ts");
  await copy.run("tsx", "scripts/types.ts");
  // Of npm test what a route can break.
  await copy.run("tsc", "--noEmit");
  await copy.run("tsx", "scripts/migrations.ts", "--check");
  await copy.run(
    "vitest",
    "run",
    "--project",
    "unit",
    // Other suites go on beside it.
    "--testTimeout=120000",
    "tests/unit/function",
    "tests/unit/receiver",
  );
  await copy.run("tsx", "scripts/test-db.ts", "catalog", "test_delivery");
  const delivered = await copy.run(
    ...["vitest", "run", "--project", "end-to-end", "--reporter", "verbose"],
    "golden-rows-arrive-as-their-payloads",
  );
  for (const { name } of GOLDEN) expect(delivered).toContain(`quote > ${name}`);
});

async function copyOfTheRepository() {
  const folder = mkdtempSync(join(tmpdir(), "crm-sync-copy-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { stdout } = await execa("git", ["ls-files", "-coz", "--exclude-standard"], { cwd: ROOT });
  const files = stdout.split("\0").filter((file) => file !== "" && existsSync(join(ROOT, file)));
  for (const file of files) cpSync(join(ROOT, file), join(folder, file));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  const path = (file: string) => join(folder, file);
  const read = (file: string) => readFileSync(path(file), "utf8");
  const write = (file: string, text: string) => {
    mkdirSync(dirname(path(file)), { recursive: true });
    writeFileSync(path(file), text);
  };
  return {
    read,
    write,
    append: (file: string, text: string) => write(file, `${read(file)}\n${text}\n`),
    replace: (file: string, before: string, after: string) => {
      expect(read(file), file).toContain(before);
      write(
        file,
        read(file).replace(before, () => after),
      );
    },
    /** What it printed; throws with that if it failed. */
    run: async (...[command = "", ...args]: string[]): Promise<string> => {
      const { exitCode, all } = await execa(command, args, {
        cwd: folder,
        preferLocal: true,
        localDir: ROOT,
        env: { NO_COLOR: "1", CI: "", SUPABASE_WORKDIR: folder },
        stdin: "ignore",
        reject: false,
        all: true,
      });
      if (exitCode !== 0) throw new Error(`${command} ${args.join(" ")}\n${all}`);
      return all;
    },
  };
}
