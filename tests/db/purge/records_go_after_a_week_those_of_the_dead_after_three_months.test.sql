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

insert into leads (id, email) select ('10000000-0000-4000-8000-0000000000' || n)::uuid, 'ada@example.test' from generate_series(11, 18) as n;
update crm_sync.deliveries
set status = made.status, record = '{"email": "ada@example.test"}', finished_at = '2040-06-01'::timestamptz - age, envelope_id = made.envelope_id,
    superseded_by = case when made.status = 'superseded' then 1 end
from (values ('11', 'delivered', interval '7 days 1 second', null::uuid), ('12', 'delivered', '6 days 23:59:59', null), ('13', 'superseded', '8 days', null),
             ('14', 'cancelled', '8 days', null), ('15', 'dead', '89 days 23:59:59', null), ('16', 'dead', '90 days 1 second', null),
             ('17', 'pending', null, null), ('18', 'in_flight', null, gen_random_uuid())) as made (n, status, age, envelope_id)
where captured_at >= now() and right(row_id, 2) = n;
select results_eq(
    $$select * from crm_sync.purge('2040-06-01') where what in ('records', 'deliveries')$$, $$values ('records', 4), ('deliveries', 0)$$, 'it says how many');

select is(
    (select array_agg(right(row_id, 2) order by row_id) from crm_sync.deliveries where captured_at >= now() and record is not null),
    array['12', '15', '17', '18'], 'what has not ended keeps its record');

select * from finish();
rollback;
