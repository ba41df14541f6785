begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 5) as n;
create temp table given as select right(row_id, 1)::int as n, delivery_id from crm_sync.deliveries where captured_at >= now();
update crm_sync.deliveries set status = made.status, finished_at = made.finished_at, envelope_id = made.envelope_id
from given
join (values
    (1, 'pending', null::timestamptz, null::uuid), (2, 'dead', now(), null), (3, 'in_flight', null, gen_random_uuid()),
    (4, 'delivered', now(), null), (5, 'cancelled', now(), null)
) as made (n, status, finished_at, envelope_id) using (n)
where deliveries.delivery_id = given.delivery_id;

select results_eq(
    $$select coalesce(n, 0), cancelled, reason from crm_sync.cancel(array(select delivery_id from given) || array[-1::bigint]) left join given using (delivery_id) order by 1$$,
    $$values (0, false, 'no such delivery'), (1, true, null), (2, true, null), (3, false, 'it is in flight; its outcome comes first'),
             (4, false, 'it is delivered'), (5, false, 'it is cancelled')$$, 'one by one');
select results_eq(
    $$select right(row_id, 1), status, last_error_code, finished_at is null from crm_sync.deliveries where captured_at >= now() order by 1$$,
    $$values ('1', 'cancelled', 'cancelled_by_operator', false), ('2', 'cancelled', 'cancelled_by_operator', false), ('3', 'in_flight', null, true),
             ('4', 'delivered', null, false), ('5', 'cancelled', null, false)$$, 'pending and dead ones alone');

select * from finish();
rollback;
