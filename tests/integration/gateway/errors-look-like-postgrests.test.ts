import { afterAll, beforeAll, expect, test } from "vitest";
import { type DataApi, startDataApi } from "./data-api.ts";

let api: DataApi;
beforeAll(async () => {
  api = await startDataApi();
  await api.service.from("notes").insert({ label: "taken" });
});
afterAll(() => api.stop());

test.each<[string, () => PromiseLike<unknown>, number, string]>([
  ["anon without a grant", () => api.anon.from("notes").select(), 401, "42501"],
  ["a person without a grant", () => api.person.rpc("administrators_only"), 403, "42501"],
  [
    "a row against the policy",
    () => api.person.from("notes").insert({ label: "x", owner: null }),
    403,
    "42501",
  ],
  ["a value taken", () => api.service.from("notes").insert({ label: "taken" }), 409, "23505"],
  ["a missing parent", () => api.service.from("paid_notes").insert({ note_id: 99 }), 409, "23503"],
  ["a missing value", () => api.service.from("notes").insert({ label: null }), 400, "23502"],
  [
    "a value of another type",
    () => api.service.from("notes").select().eq("id", "one"),
    400,
    "22P02",
  ],
  ["an unknown column", () => api.service.from("notes").select("nope"), 400, "42703"],
  ["an unknown table", () => api.service.from("nope").select(), 404, "PGRST205"],
  ["an unknown function", () => api.service.rpc("nope"), 404, "PGRST202"],
  ["an unknown argument", () => api.service.rpc("add", { a: 1, c: 2 }), 404, "PGRST202"],
  ["a missing argument", () => api.service.rpc("add", { b: 1 }), 404, "PGRST202"],
  [
    "no row where one is wanted",
    () => api.service.from("notes").select().eq("id", 99).single(),
    406,
    "PGRST116",
  ],
  ["an update of everything", () => api.service.from("notes").update({ amount: 1 }), 400, "21000"],
  [
    "an embedded table",
    () => api.service.from("notes").select("id, paid_notes(*)"),
    400,
    "PGRST100",
  ],
  ["an upsert", () => api.service.from("notes").upsert({ label: "taken" }), 400, "PGRST100"],
  ["a code of a function", () => api.service.rpc("fail", { p_state: "CS001" }), 400, "CS001"],
  ["a status of a function", () => api.service.rpc("fail", { p_state: "PT402" }), 402, "PT402"],
])("%s", async (_, call, status, code) => {
  expect(await call()).toMatchObject({ status, error: { code } });
});

test("detail and hint of the database come through", async () => {
  const { error } = await api.service.rpc("fail", { p_state: "CS001" });
  expect(error).toMatchObject({
    message: "asked to fail",
    details: "the detail",
    hint: "the hint",
  });
});

test("a failed call leaves nothing behind", async () => {
  const rows = [{ label: "first" }, { label: "taken" }];
  await api.service.from("notes").insert(rows);
  expect((await api.service.from("notes").select("label")).data).toEqual([{ label: "taken" }]);
});

test.each<[string, (api: DataApi) => [string, string], string]>([
  [
    "a forged token",
    ({ gateway }) => [gateway.anonKey, `${gateway.anonKey.slice(0, -3)}abc`],
    "PGRST301",
  ],
  ["no token at all", ({ gateway }) => [gateway.anonKey, "nonsense"], "PGRST301"],
  ["an unknown key", ({ gateway }) => ["nonsense", gateway.anonKey], "PGRST301"],
  ["an old token", ({ gateway }) => [gateway.anonKey, gateway.tokenFor({ exp: 1 })], "PGRST303"],
])("%s is refused", async (_, credentials, code) => {
  const { status, error } = await api
    .client(...credentials(api))
    .from("notes")
    .select();
  expect([status, error?.code]).toEqual([401, code]);
});

test("no key is refused, and so is a role that is nobody's", async () => {
  const anonymous = await fetch(`${api.gateway.url}/rest/v1/notes`);
  expect(anonymous.status).toBe(401);
  const superuser = api.client(api.gateway.anonKey, api.gateway.tokenFor({ role: "postgres" }));
  expect((await superuser.from("notes").select()).status).toBe(403);
});
