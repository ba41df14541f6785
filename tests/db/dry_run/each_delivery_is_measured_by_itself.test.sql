begin;
set local search_path = public, extensions;
select plan(6);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
select crm_sync.define_route('copy', 'state', 'monelec');
select crm_sync.attach('leads', 'copy', array['lastname'], $$'copy:' || new.id$$);
update leads set lastname = repeat('x', 20000);
select results_eq(
    $$select routes from crm_sync.dry_run('leads', '10000000-0000-4000-8000-000000000001')$$,
    $$values ('{lead,copy}'::text[])$$, 'two that fit into one request are asked together');
update leads set lastname = repeat('x', 35000);
select throws_like(
    $$select crm_sync.dry_run('leads', '10000000-0000-4000-8000-000000000001')$$, 'its 2 deliveries make a request of 7% bytes, more than the 60000 that pg_net may be given',
    'two that do not');
select throws_ok($$select crm_sync.dry_run('leads', '10000000-0000-4000-8000-000000000001')$$, 'CS048', null, 'are no fault of theirs');
select is(
    (select jsonb_array_length(body::jsonb -> 'deliveries') from crm_sync.dry_run_request('leads', '10000000-0000-4000-8000-000000000001')), 2,
    'who asks the function by themselves asks about both');

delete from crm_sync.attachments where route = 'copy';
select crm_sync.reattach();
update leads set lastname = '';
create temp table counted as
select octet_length(record::text) + octet_length(ordering_key) + crm_sync._bytes_around_record() as bytes
from crm_sync._build_records(array(select max(delivery_id) from crm_sync.deliveries));
update leads set lastname = repeat('x', 60000 - (select bytes from counted));
select is((select count(*)::int from crm_sync.dry_run('leads', '10000000-0000-4000-8000-000000000001')), 1, 'one as large as dispatch lets it be');
update leads set lastname = lastname || 'x';
select throws_ok(
    $$select crm_sync.dry_run('leads', '10000000-0000-4000-8000-000000000001')$$, 'CS037',
    'its delivery for route lead has 60001 bytes, more than the 60000 that one may have', 'one byte more would go dead');

select * from finish();
rollback;
