import type { z } from "zod";
import type { Database } from "./database.types.ts";

type Tables = Database["public"]["Tables"];

/** Schemas of some columns of a table: `{…} satisfies ColumnsOf<"leads">` knows a column that is gone. */
export type ColumnsOf<Table extends keyof Tables> = Partial<
  Record<keyof Tables[Table]["Row"], z.ZodType>
>;
