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
select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test', timestamptz '2040-01-10' - n * interval '1 day' from generate_series(1, 5) as n;
delete from crm_sync.deliveries where captured_at >= now();
select crm_sync.backfill('lead', p_since => '2040-01-06', p_limit => 3);
select is(
    (select array_agg(right(row_id, 1) order by row_id) from crm_sync.deliveries where captured_at >= now()), array['2', '3', '4'],
    'by updated_at');

select is(
    (select arguments ->> 'since' from crm_sync.operations where operated_at >= now())::timestamptz, '2040-01-06', 'its line says since when');

select * from finish();
rollback;
