/** What pg_net and the function leave behind when a receiver took everything, without either of them running. */
import type pg from "pg";

/** Takes the first requests out of pg_net's queue and answers each, signed: all that it carries was delivered. */
export async function answerAll(client: pg.Client, requests = 1_000): Promise<void> {
  await client.query(`
    with sent as (
        delete from net.http_request_queue as queue
        where queue.id in (select first.id from net.http_request_queue as first order by first.id limit ${requests})
        returning queue.id, queue.body
    )
    insert into net._http_response (id, status_code, headers, content, created)
    select sent.id, 200, jsonb_build_object(
               'webhook-id', envelopes.envelope_id, 'webhook-timestamp', '1760000000',
               'webhook-signature', crm_sync._signatures(
                   envelopes.envelope_id::text, '1760000000', answer.content, (crm_sync._function_access()).secrets)),
           answer.content, now()
    from sent
    join crm_sync.envelopes on envelopes.request_id = sent.id
    cross join lateral (
        select jsonb_build_object('envelope_id', envelopes.envelope_id, 'results', (
            select jsonb_agg(jsonb_build_object('delivery_id', delivery -> 'id', 'outcome', 'delivered', 'status', 201))
            from jsonb_array_elements(convert_from(sent.body, 'UTF8')::jsonb -> 'deliveries') as delivery
        ))::text as content
    ) as answer`);
}
