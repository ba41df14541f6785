begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = false;

create function pg_temp.in_flight(p_envelope_id uuid) returns void language sql as $$
    insert into crm_sync.envelopes (envelope_id, destination, request_id, delivery_count, dispatched_at, lease_until)
    select p_envelope_id, min(destination), 1, count(*), now(), now() + interval '2 minutes' from crm_sync.deliveries where status = 'pending';
    update crm_sync.deliveries
    set status = 'in_flight', claimed_at = now(), envelope_id = p_envelope_id, finished_at = null,
        record = coalesce(record, jsonb_build_object('id', row_id, 'email', 'ada@example.test'))
    where status = 'pending';
$$;
create function pg_temp.refused() returns int language sql as $$
    select crm_sync._settle(array(
        select row(delivery_id, envelope_id, 'reject', true, false, 422, null, 'receiver_status_422', 'no')::crm_sync.settlement
        from crm_sync.deliveries where status = 'in_flight'), now());
$$;

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
select pg_temp.in_flight('11111111-1111-4111-8111-111111111111');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
select pg_temp.in_flight('11111111-1111-4111-8111-111111111112');
update crm_sync.envelopes set dispatched_at = now() - case envelope_id
    when '11111111-1111-4111-8111-111111111111' then interval '1 minute' else interval '2 minutes' end;
select pg_temp.refused();
select results_eq(
    $$select right(row_id, 1), now() - dispatched_at
      from crm_sync.delivery_attempts join crm_sync.deliveries using (delivery_id) where captured_at >= now() order by delivery_id$$,
    $$values ('1', interval '1 minute'), ('2', interval '2 minutes')$$, 'two that are settled together');

select * from finish();
rollback;
