import { expect, test } from "vitest";
import { openEnvelope } from "../../../supabase/functions/crm-sync/envelope.ts";
import { createSigner } from "../../../supabase/functions/crm-sync/signature.ts";
import { ENVELOPE_ID, OTHER_SECRET, SECRET } from "./envelopes.ts";

test.each([
  ["with blanks around them", `  ${SECRET} ${OTHER_SECRET}\n`],
  ["with several between them", `${SECRET} \t ${OTHER_SECRET}`],
  ["a line each", `${SECRET}\n\n${OTHER_SECRET}\n`],
])("%s", (_, secrets) => {
  const signed = createSigner(secrets)?.sign(ENVELOPE_ID, "{}", 1_760_000_000_000);
  expect(signed?.["webhook-signature"]?.split(" ")).toHaveLength(2);
});

test("what carries no signature is called unsigned, not badly signed", () => {
  expect(createSigner(SECRET)?.verify("{}", new Headers())).toMatchObject({ error: "unsigned" });
});

test("what is no JSON is called so", () => {
  expect(openEnvelope("{")).toEqual({
    error: "malformed",
    hint: "the body is not JSON, or nested too deeply",
  });
});
