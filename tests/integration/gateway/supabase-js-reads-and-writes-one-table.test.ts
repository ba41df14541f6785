import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type DataApi, PERSON, startDataApi } from "./data-api.ts";

let api: DataApi;
beforeAll(async () => {
  api = await startDataApi();
});
afterAll(() => api.stop());
beforeEach(async () => {
  await api.db.query("truncate public.notes restart identity cascade");
});

test("an insert returns nothing, the row, or one column of it", async () => {
  const silent = await api.service.from("notes").insert({ label: "a" });
  expect(silent).toMatchObject({ status: 201, data: null, error: null });
  const row = await api.service.from("notes").insert({ label: "b" }).select().single();
  expect(row.data).toEqual({ id: 2, owner: null, label: "b", amount: 1.5 });
  const renamed = await api.service
    .from("notes")
    .insert({ label: "c" })
    .select("number:id")
    .single();
  expect(renamed).toMatchObject({ status: 201, data: { number: 3 } });
});

test("many rows are one statement, and defaults fill what is left out", async () => {
  const rows = [{ label: "a" }, { label: "b" }];
  const { data, error } = await api.service.from("notes").insert(rows).select("label, amount");
  expect(error).toBeNull();
  expect(data).toEqual([
    { label: "a", amount: 1.5 },
    { label: "b", amount: 1.5 },
  ]);
});

test("an update changes what its filters meet", async () => {
  await api.service.from("notes").insert([{ label: "a" }, { label: "b" }]);
  const silent = await api.service.from("notes").update({ amount: 2 }).eq("label", "a");
  expect(silent).toMatchObject({ status: 204, data: null, error: null });
  const returned = await api.service
    .from("notes")
    .update({ amount: 3 })
    .eq("id", 2)
    .select("id,amount");
  expect(returned).toMatchObject({ status: 200, data: [{ id: 2, amount: 3 }] });
  const { rows } = await api.db.query("select amount::text from public.notes order by id");
  expect(rows).toEqual([{ amount: "2" }, { amount: "3" }]);
});

test("a read filters, sorts and limits", async () => {
  const labels = ["d", "a", "c, with a comma", "b"];
  await api.service.from("notes").insert(labels.map((label) => ({ label })));
  const notes = () => api.service.from("notes").select("label");
  const read = async (query: PromiseLike<{ data: { label: unknown }[] | null }>) =>
    (await query).data?.map(({ label }) => label);
  expect(await read(notes().order("label", { ascending: false }).limit(2))).toEqual([
    "d",
    labels[2],
  ]);
  expect(await read(notes().gt("id", 1).lte("id", 3).order("id"))).toEqual(["a", labels[2]]);
  expect(await read(notes().in("label", ["a", labels[2]]).order("id"))).toEqual(["a", labels[2]]);
  expect(await read(notes().is("owner", null).neq("label", "a").range(1, 2).order("id"))).toEqual([
    labels[2],
    "b",
  ]);
  expect(await read(notes().not("label", "in", "(a,b,d)"))).toEqual([labels[2]]);
  expect((await notes().eq("label", "none").maybeSingle()).data).toBeNull();
});

test("a delete removes what its filters meet", async () => {
  await api.service.from("notes").insert([{ label: "a" }, { label: "b" }]);
  expect(await api.service.from("notes").delete().eq("label", "a")).toMatchObject({ status: 204 });
  expect((await api.service.from("notes").select("label")).data).toEqual([{ label: "b" }]);
});

test("row level security sees who is signed in", async () => {
  await api.person.from("notes").insert({ label: "mine" });
  expect((await api.person.from("notes").select("label, owner")).data).toEqual([
    { label: "mine", owner: PERSON },
  ]);
  expect((await api.stranger.from("notes").select()).data).toEqual([]);
});

test("a numeric keeps digits that a double would lose", async () => {
  await api.service.from("notes").insert({ label: "a" });
  await api.db.query("update public.notes set amount = 12345678901234567890.12");
  const answer = await fetch(`${api.gateway.url}/rest/v1/notes?select=amount`, {
    headers: { apikey: api.gateway.serviceRoleKey },
  });
  expect(await answer.text()).toBe('[{"amount":12345678901234567890.12}]');
});

test("names and values cannot become SQL", async () => {
  const label = `'); drop table public.notes; --`;
  await api.service.from("notes").insert({ label });
  expect((await api.service.from("notes").select("label").eq("label", label)).data).toEqual([
    { label },
  ]);
  const column = await api.service.from("notes").select().eq('id" = 1 or "id', 1);
  expect(column.error?.code).toBe("42703");
  const table = await api.service.from('notes"; drop table public.notes; --').select();
  expect(table.error?.code).toBe("PGRST205");
});
