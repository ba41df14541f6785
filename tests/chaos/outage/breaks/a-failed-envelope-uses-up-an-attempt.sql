-- No usable answer of the function counts against what the envelope carried.
create or replace function crm_sync._take_unspoken(p_envelope_ids uuid[])
returns crm_sync.settlement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Of an envelope that failed everything, of one that was answered what the answer leaves out. No attempt counted.
    return (
        select coalesce(array_agg(row(
            deliveries.delivery_id, deliveries.envelope_id, 'unknown', true, true, null, null, 'no_usable_answer',
            case
                when envelopes.status = 'answered' then 'the function''s answer leaves this delivery out'
                when envelopes.http_status is null then 'no answer from the function'
                else 'HTTP ' || envelopes.http_status || ', not signed by the function'
            end
        )::crm_sync.settlement), '{}')
        from crm_sync.envelopes
        join crm_sync.deliveries on deliveries.envelope_id = envelopes.envelope_id and deliveries.status = 'in_flight'
        where envelopes.envelope_id = any (p_envelope_ids)
    );
end;
$$;
