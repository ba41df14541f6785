import { afterAll, beforeAll, expect, test } from "vitest";
import { type DataApi, PERSON, startDataApi } from "./data-api.ts";

let api: DataApi;
beforeAll(async () => {
  api = await startDataApi();
  await api.service.from("notes").insert([{ label: "a" }, { label: "b" }]);
});
afterAll(() => api.stop());

test.each([
  ["a value, with a default", "add", { a: 1 }, 11],
  ["a value", "add", { a: 1, b: 2 }, 3],
  ["a list of values", "labels", { p_ids: [2, 1] }, ["a", "b"]],
  [
    "a table",
    "note_list",
    {},
    [
      { id: 1, label: "a" },
      { id: 2, label: "b" },
    ],
  ],
  ["a row", "one_note", { p_label: "b" }, { id: 2, owner: null, label: "b", amount: 1.5 }],
])("%s", async (_, name, args, expected) => {
  const { data, error, status } = await api.service.rpc(name, args);
  expect(error).toBeNull();
  expect(data).toEqual(expected);
  expect(status).toBe(200);
});

test("nothing", async () => {
  const answer = await api.service.rpc("touch", { p_label: "a" });
  expect(answer).toMatchObject({ status: 204, data: null, error: null });
});

test("the function sees role and claims of the caller", async () => {
  const call = async (client: DataApi["anon"]) => (await client.rpc("caller")).data;
  expect(await call(api.anon)).toMatchObject({ role: "anon", claims: { role: "anon" } });
  expect(await call(api.person)).toMatchObject({ role: "authenticated", claims: { sub: PERSON } });
  const administrator = api.client(
    api.gateway.anonKey,
    api.gateway.tokenFor({ sub: PERSON, app_metadata: { role: "admin" } }),
  );
  expect(await call(administrator)).toMatchObject({ claims: { app_metadata: { role: "admin" } } });
});
