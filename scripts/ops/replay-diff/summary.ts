/** Changes of many deliveries as one line for each field: what somebody who changed a mapper looks for. */
import type { Change } from "./compare.ts";

export interface ChangeOfDelivery extends Change {
  delivery_id: number;
  route: string;
}

export interface FieldSummary {
  route: string;
  field: string;
  change: "added" | "removed" | "changed";
  delivery_count: number;
  /** The first of them, with its values. */
  example: number;
  before: string | null;
  after: string | null;
}

export function summarise(changes: ChangeOfDelivery[]): FieldSummary[] {
  const fields = new Map<string, FieldSummary>();
  for (const { delivery_id, route, field, before, after } of changes) {
    const change = before === null ? "added" : after === null ? "removed" : "changed";
    const key = JSON.stringify([route, field, change]);
    const known = fields.get(key);
    if (known) known.delivery_count += 1;
    else {
      const example = { example: delivery_id, before, after };
      fields.set(key, { route, field, change, delivery_count: 1, ...example });
    }
  }
  return [...fields.values()].sort((a, b) => a.route.localeCompare(b.route));
}
