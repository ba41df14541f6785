import { expect, test } from "vitest";
import { script } from "./stack.ts";

test("every check arrives, and the demo says so", async () => {
  const { exitCode, stdout } = await script("demo.ts", []);
  expect(stdout.split("\n").at(-1)).toBe("delivered 9 of 9");
  for (const name of [
    "lead step 1",
    "call-back",
    "complete request",
    "payment",
    "intent payment",
    "order confirmation",
  ]) {
    expect(stdout).toContain(`✓ ${name} · `);
  }
  expect(exitCode).toBe(0);
});

test("with one route broken the demo names it and fails", async () => {
  const { exitCode, stdout } = await script("demo.ts", ["--break", "lead", "--within", "6"]);
  expect(stdout).toContain("✗ lead step 1 · lead: pending, HTTP 500, receiver_status_500");
  expect(stdout).toContain("not delivered: route lead");
  expect(stdout.split("\n").at(-1)).toBe("delivered 7 of 9");
  expect(exitCode).toBe(1);
});

test("a wait that is no number is refused before anything is started", async () => {
  const { exitCode, stdout, stderr } = await script("demo.ts", ["--within", "abc"]);
  expect(stderr).toContain("argument 'abc' is invalid. a whole number above 0");
  expect([exitCode, stdout]).toEqual([1, ""]);
});
