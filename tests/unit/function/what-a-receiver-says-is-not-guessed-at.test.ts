import { expect, test } from "vitest";
import {
  classify,
  describeNetworkError,
  retryAfterSeconds,
} from "../../../supabase/functions/crm-sync/outcome.ts";

test("a status that no answer ends with is tried again", () => {
  expect(classify(199, { conflictIsDelivered: false })).toEqual({
    outcome: "retry",
    errorCode: "receiver_status_199",
  });
});

test("a date after other words is no Retry-After", () => {
  const header = "from Mon, 23 Nov 2026 03:00:00 GMT";
  expect(retryAfterSeconds(header, Date.parse("2026-11-22T03:00:00Z"))).toBe(null);
});

test("a failure is not judged by the words of a URL", () => {
  for (const scheme of ["http", "https"]) {
    const error = new TypeError(`error sending request for url (${scheme}://tls.dns.test/reset)`);
    expect(describeNetworkError(error)).toBe("connection failed");
  }
});

test("a failure that is its own cause is described, too", () => {
  const error = new TypeError("fetch failed");
  error.cause = error;
  expect(describeNetworkError(error)).toBe("connection failed");
});
