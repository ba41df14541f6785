import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jsonNumber, parseJson } from "../../../supabase/functions/crm-sync/json.ts";
import { redact } from "../../../supabase/functions/crm-sync/redact.ts";
import { delivery, ENV, envelope, functionUnderTest } from "./envelopes.ts";

const payload = {
  email: "marie.curie@example.fr",
  phone: "06 12 34 56 78",
  firstName: "Marie",
  full_name: "Marie Curie",
  address: '12 rue de l\'Église\n"B" & fils',
  siren: "552 100 554",
  city: "Ay",
  power_kva: parseJson("12.50"),
  amount: jsonNumber(14900),
  is_viabilise: true,
  source: null,
  owner: "Ãberg",
};

function kept(text: string): string {
  return redact(text, payload, []);
}

test.each([
  ["plain", "marie.curie@example.fr is taken", "<email> is taken"],
  ["in capitals", "MARIE.CURIE@EXAMPLE.FR is taken", "<email> is taken"],
  ["the longest first", "Marie Curie, Marie", "<full_name>, <firstName>"],
  ["with other white space", "Marie\u00a0\n Curie", "<full_name>"],
  ["escaped in JSON", '"12 rue de l\'Église\\n\\"B\\" & fils"', '"<address>"'],
  ["escaped in ASCII JSON", '12 rue de l\'\\u00c9glise\\n\\"B\\" & fils!', "<address>!"],
  ["escaped in HTML", "12 rue de l&#039;Église &quot;B&quot; &amp; fils", "<address>"],
  [
    "encoded for a URL",
    "?e=marie.curie%40example.fr&p=06%2012%2034%2056%2078",
    "?e=<email>&p=<phone>",
  ],
  ["a letter whose code is its first byte", "%C3%83BERG", "<owner>"],
  ["encoded for a form", "n=Marie+Curie&p=06+12+34+56+78", "n=<full_name>&p=<phone>"],
  [
    "a phone regrouped",
    "phone 06.12.34.56.78 or 0612345678 unknown",
    "phone <phone> or <phone> unknown",
  ],
  ["a phone with a prefix", "+33 6 12 34 56 78 / 0033612345678", "<phone> / <phone>"],
  ["a SIREN without spaces", "siren 552100554 unknown", "siren <siren> unknown"],
  ["a number", "amount 14900 too high", "amount <amount> too high"],
  ["a number in another writing", "12.50, 12.5, 12,5", "<power_kva>, <power_kva>, <power_kva>"],
  ["no number inside another", "code 114900, 149001, x14900", "code 114900, 149001, x14900"],
  ["a short text only where it stands alone", "May: Ay, day", "May: <city>, day"],
  ["true stays", '{"success":true}', '{"success":true}'],
  ["control characters go", "a\u0000b\u0007c\r\n\td", "a b c d"],
  ["half a surrogate pair goes", "a\ud83d b", "a\uFFFD b"],
])("%s", (_, text, expected) => {
  expect(kept(text)).toBe(expected);
});

/** As libraries and databases write a text, and what reads it in another encoding than it has. */
const WRITINGS: [string, (text: string) => string][] = [
  ["JSON", (text) => JSON.stringify(text).slice(1, -1)],
  ["JSON in JSON in JSON", (text) => JSON.stringify(JSON.stringify(JSON.stringify(text)))],
  ["JSON of .NET, all but letters", (text) => text.replace(/[^a-zA-Z0-9 ]/g, escapeUnit)],
  ["JSON in ASCII, in capitals", (text) => text.replace(/[^ -~]/g, escapeUnit).toUpperCase()],
  ["JavaScript", (text) => text.replace(/['"\\]/g, "\\$&").replaceAll("&", "\\x26")],
  ["HTML by numbers", (text) => text.replace(/[^a-zA-Z0-9 ]/gu, (c) => `&#${c.codePointAt(0)};`)],
  ["HTML by hexadecimals", (text) => text.replace(/[^a-zA-Z0-9 ]/gu, hexEntity)],
  ["HTML by names", (text) => text.replace(/[éèçÉ'"&<>]/g, (c) => `&${NAMES[c]};`)],
  ["HTML twice", (text) => text.replace(/[éèçÉ'"&<>]/g, (c) => `&amp;${NAMES[c]};`)],
  ["a URL", encodeURIComponent],
  ["a URL in a URL", (text) => encodeURIComponent(encodeURIComponent(text))],
  ["a URL in Latin-1", (text) => text.replace(/[^a-zA-Z0-9]/g, (c) => `%${hex(c, 2)}`)],
  ["SQL", (text) => text.replaceAll("'", "''")],
  ["CSV", (text) => text.replaceAll('"', '""')],
  ["Latin-1 read as UTF-8", (text) => text.replace(/[^ -~\n]/g, "\uFFFD")],
  ["UTF-8 read as Latin-1", (text) => Buffer.from(text, "utf8").toString("latin1")],
  ["letters and marks apart", (text) => text.normalize("NFD")],
  ["without accents", (text) => text.normalize("NFD").replace(/\p{M}/gu, "")],
];

const NAMES: Record<string, string> = {
  ...{ é: "eacute", è: "egrave", ç: "ccedil", É: "Eacute" },
  ...{ "'": "apos", '"': "quot", "&": "amp", "<": "lt", ">": "gt" },
};

function hex(character: string, digits: number): string {
  return (character.codePointAt(0) ?? 0).toString(16).padStart(digits, "0");
}

function escapeUnit(unit: string): string {
  return `\\u${hex(unit, 4)}`;
}

function hexEntity(character: string): string {
  return `&#x${hex(character, 1)};`;
}

test.each(WRITINGS)("written as %s", (_, write) => {
  const values = {
    full_name: "Aurélie D'Arc-Roçé",
    company: 'Dupont & "Fils" <SARL>',
    email: "jean+crm@example.test",
    path: "D:\\rue\\new\nCanari 100%25 &amp; \\u0041",
  };
  const said = redact(`no: ${write(Object.values(values).join(" ; "))}.`, values, []);
  for (const part of [
    "Aur",
    "lie",
    "Arc",
    "Ro",
    "Dupont",
    "Fils",
    "SARL",
    "jean",
    "crm@",
    "Canari",
  ]) {
    expect(said.toLowerCase()).not.toContain(part.toLowerCase());
  }
});

/** The text is a receiver's, the values are whoever's fills in a form. */
test.each([
  ["backslashes", "\\".repeat(200), "\\".repeat(16_000)],
  ["backslashes, shortened", `${"\\".repeat(20)}@example.test`, "\\".repeat(33)],
  ["quotation marks", '"'.repeat(6_000), '"'.repeat(16_000)],
  ["brackets", "(".repeat(20_000), "(".repeat(16_000)],
  ["accents", "é".repeat(60_000), "é".repeat(8_000)],
  ["one letter", `${"a".repeat(20_000)}b`, "a".repeat(16_000)],
  ["white space", `a${" ".repeat(20_000)}b`, " ".repeat(16_000)],
  ["digits", "0".repeat(20_000), "0 ".repeat(8_000)],
  ["gaps of a phone", "06 12 34 56 78", `1${"(".repeat(16_000)}`],
  ["escapes", "\\u0041".repeat(2_000), "\\u0041".repeat(2_500)],
  ["per cents", "%41".repeat(6_000), "%".repeat(16_000)],
  ["ampersands", "&amp;".repeat(4_000), "&amp;".repeat(3_000)],
])("neither a value nor a text takes long: %s", (_, value, said) => {
  const values = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}`, value + i]));
  expect([...redact(said, values, [])].length).toBeLessThanOrEqual(500);
});

test("of a long value also what a receiver quotes of its beginning goes", () => {
  const value = `Kanarienvogel ${"lorem ipsum dolor é ".repeat(1_500)}`;
  expect(redact(`too long: ${value.slice(0, 200)}…`, { note: value }, [])).toBe(
    "too long: <note>…",
  );
});

test("overlapping values become one, named after the longest", () => {
  const overlapping = { a: "Jean Dupont", b: "Dupont Martin SARL" };
  expect(redact("<Jean Dupont Martin SARL>", overlapping, [])).toBe("<<b>>");
});

test("a value that is another field's name is not replaced within a label", () => {
  expect(
    redact("x: phone, mail@x.fr", { email: "mail@x.fr", city: "email", usage: "phone" }, []),
  ).toBe("x: <usage>, <email>");
});

test("at most 500 characters, none cut in half", () => {
  const text = kept("🏡".repeat(600));
  expect([...text]).toHaveLength(500);
  expect(text.endsWith("🏡…")).toBe(true);
});

test("a text that was cut loses its end, where a value may have been cut in two", () => {
  const long = { note: "n".repeat(40), secret: "canary-value-of-forty-characters-exactly" };
  expect(redact("wrong: canary-value-of-forty-char", long, [], true)).not.toContain("canary");
});

test("whatever the values are, none of ten characters or more is left", { timeout: 60_000 }, () => {
  const value = fc.string({ minLength: 10, maxLength: 60, unit: "grapheme" }).filter((s) => {
    return s.trim().length >= 10;
  });
  const record = fc.record({ a: value, b: value, c: value });
  fc.assert(
    fc.property(record, fc.string({ maxLength: 50 }), fc.boolean(), (values, between, json) => {
      const said = [values.b, values.a, values.c].join(between);
      const text = redact(json ? JSON.stringify(said) : said, values, []);
      for (const each of Object.values(values)) expect(text).not.toContain(each.trim());
    }),
    { numRuns: 100 },
  );
});

describe("in the function's answer and log", () => {
  const canaries = {
    email: "canary-email@example.fr",
    phone: "0600000042",
    firstname: "Canarifirst",
    lastname: "Canarilast",
    full_name: null,
    connection_type: "canari-type",
    postal_code: "42042",
    source: "canari-source",
    utm_source: "canari-utm-source",
    utm_medium: "canari-utm-medium",
    utm_campaign: "canari-utm-campaign",
    id: "5f0c1f5e-2b7d-4c58-9a0e-000000000042",
  };

  test("a receiver that echoes the body and its headers gives nothing away", async () => {
    const { send, lines } = functionUnderTest({
      answering: ({ url, body, headers }) =>
        new Response(`${url} ${headers.get("x-api-key")} ${body} ${body}`, { status: 422 }),
    });
    const answer = await send(envelope([delivery({ record: canaries })]));
    const seen = answer.body + lines.join();
    for (const canary of [...Object.values(canaries), ENV.MONELEC_API_KEY]) {
      if (canary) expect(seen).not.toContain(canary);
    }
    expect(answer.results[0]?.error).toContain('<MONELEC_API_KEY> {"email":"<email>"');
  });

  test("Elementor's URL and its parts stay hidden", async () => {
    const { send, lines } = functionUnderTest({
      answering: ({ url }) => {
        const { pathname, search } = new URL(url);
        const text = `no hook at ${url}; ${pathname}${search}; fake-secret-of-the-url; FAKE-TOKEN`;
        return new Response(`${text}; ${encodeURIComponent(url)}`, { status: 404 });
      },
    });
    const answer = await send(
      envelope([delivery({ route: "order_confirmation" })], { destination: "elementor" }),
    );
    const label = "<ELEMENTOR_WEBHOOK_URL>";
    expect(answer.results[0]?.error).toBe(
      `elementor answered 404: no hook at ${label}; ${label}; ${label}; ${label}; ${label}`,
    );
    expect(lines.join()).not.toMatch(/shop\.test|fake/);
  });

  test("of a long answer only the start is read", async () => {
    let pulled = 0;
    const chunk = new TextEncoder().encode("x".repeat(8_192));
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1;
        controller.enqueue(chunk);
      },
    });
    const { send } = functionUnderTest({ answering: () => new Response(endless, { status: 500 }) });
    const { results } = await send(envelope([delivery()]));
    expect([...(results[0]?.error ?? "")]).toHaveLength(500);
    expect(pulled).toBeLessThan(8);
  });
});
