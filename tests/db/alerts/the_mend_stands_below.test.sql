begin;
set local search_path = public, extensions;
select plan(1);
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

update crm_sync.destinations set is_paused = true where destination = 'elementor';
select is(pg_temp.told('1 minute'), e'warning paused: paused: elementor\n    select crm_sync.resume(''elementor'');', 'as in health()');

select * from finish();
rollback;
