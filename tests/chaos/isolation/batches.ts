/** What pg_net sent together, by the one time that all answers of a batch carry: its start. */
import type { World } from "./world.ts";

export interface Batch {
  startedAt: number;
  /** Until the next batch began: what a commit just after the start has to wait. */
  tookMs: number;
  monelec: number;
  elementor: number;
}

const BATCHES = `
  select answers.created as started_at,
         lead(answers.created) over (order by answers.created) as next_started_at,
         (count(*) filter (where envelopes.destination = 'monelec'))::int as monelec,
         (count(*) filter (where envelopes.destination = 'elementor'))::int as elementor
  from net._http_response as answers
  join crm_sync.envelopes on envelopes.request_id = answers.id
  group by answers.created`;

/** Those that held others up for longer than pg_net's pause and a little, oldest first. */
export async function slowBatches({ query }: World): Promise<Batch[]> {
  const rows = await query<{
    started_at: Date;
    next_started_at: Date | null;
    monelec: number;
    elementor: number;
  }>(BATCHES);
  const batches = rows.flatMap(({ started_at, next_started_at, ...counts }) =>
    next_started_at === null
      ? []
      : [
          {
            startedAt: started_at.getTime(),
            tookMs: next_started_at.getTime() - started_at.getTime(),
            ...counts,
          },
        ],
  );
  return batches.filter(({ tookMs }) => tookMs > 1_700);
}
