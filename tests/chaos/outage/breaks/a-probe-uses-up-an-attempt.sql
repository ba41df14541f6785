-- A probe counts like any attempt.
create or replace function crm_sync._fenced(p_settlements crm_sync.settlement[])
returns crm_sync.settlement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- What a probe, or an envelope's failure, says against a receiver uses up no attempt.
    return (
        select coalesce(array_agg(row(
            settlements.delivery_id, settlements.envelope_id,
            settlements.outcome,
            settlements.is_counted,
            settlements.envelope_failed, settlements.status, settlements.retry_after, settlements.error_code, settlements.error
        )::crm_sync.settlement order by settlements.delivery_id), '{}')
        from (
            select distinct on (given.delivery_id, given.envelope_id) given.*
            from unnest(p_settlements) as given
            order by given.delivery_id, given.envelope_id, given.envelope_failed
        ) as settlements
        join crm_sync.deliveries on deliveries.delivery_id = settlements.delivery_id
         and deliveries.envelope_id = settlements.envelope_id
         and deliveries.status = 'in_flight'
        join crm_sync.envelopes on envelopes.envelope_id = settlements.envelope_id
    );
end;
$$;
