begin;
set local search_path = public, extensions;
select plan(5);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 4) as n;
-- One that was read before, one that is under way, one that is dead.
update crm_sync.deliveries
set claimed_at = now(), record = '{"email": "as it was read"}', status = made.status, envelope_id = made.envelope_id, finished_at = made.finished_at
from (values ('1', 'pending', null::uuid, null::timestamptz), ('2', 'in_flight', gen_random_uuid(), null), ('3', 'dead', null, now())) as made (n, status, envelope_id, finished_at)
where right(deliveries.row_id, 1) = made.n;
insert into payments (id, stripe_session_id) values ('40000000-0000-4000-8000-000000000001', 'cs_1');
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
drop table leads, payments, orders cascade;
select from crm_sync.forget('public.leads');
select from crm_sync.forget('public.payments');
select from crm_sync.forget('public.orders');
select results_eq(
    $$select table_name, right(row_id, 1), status, last_error_code, finished_at is null
      from crm_sync.deliveries where captured_at >= now() order by 1, 2$$,
    $$values ('public.leads', '1', 'pending', null, true), ('public.leads', '2', 'in_flight', null, true), ('public.leads', '3', 'dead', null, false),
             ('public.leads', '4', 'cancelled', 'table_gone', false), ('public.orders', '1', 'pending', null, true),
             ('public.payments', '1', 'cancelled', 'table_gone', false)$$,
    'a state that nobody has read, and an event that lacks what it takes from other tables');
select results_eq(
    $$select action, arguments, affected_count from crm_sync.operations where action = 'forget' order by operation_id$$,
    $$values ('forget', '{"table": "public.leads"}'::jsonb, 1), ('forget', '{"table": "public.payments"}', 1), ('forget', '{"table": "public.orders"}', 0)$$,
    'it is written down how many');
select from crm_sync.tick();
select results_eq(
    $$select table_name, right(row_id, 1), status from crm_sync.deliveries where captured_at >= now() and status in ('pending', 'in_flight') order by 1, 2$$,
    $$values ('public.leads', '1', 'in_flight'), ('public.leads', '2', 'in_flight'), ('public.orders', '1', 'in_flight')$$,
    'what has a record of its own is sent');
select is_empty('select * from crm_sync.faults', 'and nothing else is tried');
select is_empty($$select * from crm_sync.forget('public.leads')$$, 'it is safe to repeat');

select * from finish();
rollback;
