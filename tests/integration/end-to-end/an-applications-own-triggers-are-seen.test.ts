import { afterAll, beforeAll, expect, test } from "vitest";
import { type Harness, startHarness } from "./harness.ts";
import { ORDER } from "./rows.ts";

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness();
  await harness.query(`
    create sequence public.order_numbers;
    create function public.number_order() returns trigger language plpgsql as $$
    begin
        update public.orders
        set order_number = 'CMD-' || lpad(nextval('public.order_numbers')::text, 6, '0')
        where id = new.id and order_number is null;
        return null;
    end $$;
    create trigger number_order after insert on public.orders
    for each row execute function public.number_order();`);
});

afterAll(async () => {
  await harness.query(
    "drop function public.number_order cascade; drop sequence public.order_numbers",
  );
  await harness.stop();
});

test("an order that an AFTER ROW trigger numbers is confirmed with its number", async () => {
  const id = await harness.insert("orders", { ...ORDER, order_number: null });
  await harness.update("orders", id, { status: "confirmed" });
  expect(await harness.settled(id)).toMatchObject([
    { route: "order_confirmation", status: "delivered" },
  ]);
  expect(harness.calls(id)[0]?.text).toContain('"order_number":"CMD-000001"');
});

test("an order inserted as confirmed is sent once, with the number that the trigger gave it", async () => {
  const id = await harness.insert("orders", { ...ORDER, order_number: null, status: "confirmed" });
  const found = await harness.settled(id);
  expect(found.map(({ status }) => status).filter((status) => status === "delivered")).toHaveLength(
    1,
  );
  expect(harness.calls(id).map(({ text }) => text.match(/CMD-\d+/)?.[0])).toEqual(["CMD-000002"]);
});
