import { expect, it } from "vitest";
import { requireLoopbackTestServer } from "../../support/test-server.ts";

it.each([
  "postgres://postgres@127.0.0.1:54322/postgres",
  "postgresql://postgres:postgres@localhost/postgres?sslmode=disable",
  "postgres://postgres@[::1]:5432/postgres",
])("takes %s", (url) => {
  expect(requireLoopbackTestServer(url)).toBe(url);
});

it.each([
  ["postgres://postgres@db.example.com/postgres", /on 127\.0\.0\.1 only, not on db\.example\.com/],
  ["postgres://postgres@127.0.0.1.example.com/postgres", /not on 127\.0\.0\.1\.example\.com/],
  ["postgres://postgres@10.0.0.7:5432/postgres", /not on 10\.0\.0\.7/],
  ["postgres://postgres@127.0.0.1/postgres?host=db.example.com", /\?host= names another server/],
  ["postgres:///postgres", /not on a socket/],
  ["https://127.0.0.1/", /begins with postgres:/],
])("refuses %s", (url, reason) => {
  expect(() => requireLoopbackTestServer(url)).toThrow(reason);
});
