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

insert into leads (id, email, updated_at)
select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test', clock_timestamp() - age
from (values (1, interval '1 hour'), (2, '3 hours'), (3, '8 days')) as rows (n, age);
delete from crm_sync.deliveries where captured_at >= now();
update crm_sync.attachments set attached_at = clock_timestamp() - interval '2 hours' where route = 'lead';
select is(
    (select array_agg(right(row_id, 1)) from crm_sync.find_missing('leads')), array['1'], 'what was there before attach is not missed');

update crm_sync.attachments set attached_at = clock_timestamp() - interval '1 year' where route = 'lead';
select results_eq(
    $$select (select array_agg(right(row_id, 1) order by row_id) from crm_sync.find_missing('leads')),
             (select array_agg(right(row_id, 1) order by row_id) from crm_sync.find_missing('leads', clock_timestamp() - interval '2 hours'))$$,
    $$values (array['1', '2'], array['1'])$$, 'nor what is past retention, or before the given time');

select * from finish();
rollback;
