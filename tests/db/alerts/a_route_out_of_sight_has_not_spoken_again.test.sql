begin;
set local search_path = public, extensions;
select plan(2);
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;
-- Whatever the minute.
create or replace function crm_sync._checks_to_alert(p_now timestamptz) returns text[] language sql as $$ select array_remove(crm_sync._checks(), 'alerts') $$;
-- What this database is otherwise in want of is told beforehand.
create function pg_temp.told(p_after interval) returns text language sql as $$
    select crm_sync.alert(now() + p_after);
    select text from crm_sync.alert_messages where written_at = now() + p_after;
$$;
select pg_temp.told('0');

insert into crm_sync.deliveries (route, destination, table_name, row_id, operation, ordering_key, captured_at, status, finished_at)
select 'lead', 'monelec', 'public.leads', n::text, 'INSERT', 'x', now() - interval '3 days' - n * interval '5 minutes', 'delivered', now()
from generate_series(1, 600) as n;
select matches(pg_temp.told('1 minute'), 'warning silence: lead: last change 3 days ago', 'a route falls silent');
insert into crm_sync.deliveries (route, destination, table_name, row_id, operation, ordering_key, captured_at, status, finished_at)
select 'request', 'monelec', 'public.requests', n::text, 'INSERT', 'y', now(), 'delivered', now()
from generate_series(1, 20000) as n;
select pg_temp.told('2 minutes');
select is(pg_temp.told('8 minutes'), null, 'another speaks a lot meanwhile');

select * from finish();
rollback;
