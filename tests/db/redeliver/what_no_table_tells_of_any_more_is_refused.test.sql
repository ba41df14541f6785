begin;
set local search_path = public, extensions;
select plan(4);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 2) as n;
-- Refused by the function: nobody has seen it, and it would be read again.
update crm_sync.deliveries
set status = 'dead', finished_at = now(), claimed_at = now(), record = '{"email": "as it was read"}'
where right(row_id, 1) = '2';
insert into payments (id, stripe_session_id) values ('40000000-0000-4000-8000-000000000003', 'cs_1');
drop table leads, payments cascade;
select from crm_sync.forget('public.leads');
select from crm_sync.forget('public.payments');
create temp table given as select right(row_id, 1)::int as n, delivery_id from crm_sync.deliveries where captured_at >= now();
select results_eq(
    $$select n, redelivered, reason from crm_sync.redeliver(array(select delivery_id from given)) join given using (delivery_id) order by n$$,
    $$values (1, false, 'its table public.leads is gone, and nobody has read it'), (2, true, null),
             (3, false, 'its table public.payments is gone; force sends the row as it was captured')$$, 'what has no record, or not all of it');
select results_eq(
    $$select n, redelivered, reason from crm_sync.redeliver(array(select delivery_id from given where n <> 2), true) join given using (delivery_id) order by n$$,
    $$values (1, false, 'its table public.leads is gone, and nobody has read it'), (3, true, null)$$, 'force sends what there is');
select from crm_sync.tick();
select results_eq(
    $$select n, status, coalesce(record ->> 'email', record ->> 'stripe_session_id') from crm_sync.deliveries join given using (delivery_id) order by 1$$,
    $$values (1, 'cancelled', null), (2, 'in_flight', 'as it was read'), (3, 'in_flight', 'cs_1')$$, 'under the record that is kept');
select is_empty('select * from crm_sync.faults', 'and nothing is read anew');

select * from finish();
rollback;
