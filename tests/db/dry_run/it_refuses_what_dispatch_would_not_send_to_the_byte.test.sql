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

-- Dispatch says how large one may be: what a lead of a thousand letters takes, and as many more letters as are left.
insert into leads (id, email, lastname) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test', repeat('é', 1000));
create temp table fitting as
select ((settings.max_delivery_bytes - judged.bytes) / 2 + 1000)::int as letters, (settings.max_delivery_bytes - judged.bytes) % 2 as rest
from crm_sync.settings
cross join unnest(crm_sync._judge_sendable(array(select delivery_id from crm_sync.deliveries where captured_at >= now()))) as judged;
delete from crm_sync.deliveries where captured_at >= now();

update leads set lastname = (select repeat('é', letters) || repeat('x', rest) from fitting);
select lives_ok($$select crm_sync.dry_run('leads', '10000000-0000-4000-8000-000000000001')$$, 'one that just fits is asked about');
set constraints all immediate;
select is((select status from crm_sync.deliveries where captured_at >= now()), 'in_flight', 'and sent');

set constraints all deferred;
insert into leads (id, email, lastname) select '10000000-0000-4000-8000-000000000002', email, lastname || 'x' from leads;
select throws_ok(
    $$select crm_sync.dry_run('leads', '10000000-0000-4000-8000-000000000002')$$, 'CS037',
    'its delivery for route lead has 60001 bytes, more than the 60000 that one may have', 'one byte more is refused');
set constraints all immediate;
select is(
    (select last_error_code from crm_sync.deliveries where captured_at >= now() order by delivery_id desc limit 1), 'too_large', 'and would go dead');

select * from finish();
rollback;
