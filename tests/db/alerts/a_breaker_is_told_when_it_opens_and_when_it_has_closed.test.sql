begin;
set local search_path = public, extensions;
select plan(6);
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
create function pg_temp.opened(p_destination text, p_state text) returns void language sql as $$
    update crm_sync.breakers
    set state = p_state, opened_at = now(), reason = 'failures in a row', open_until = case p_state when 'open' then now() end,
        probe_envelope_id = case p_state when 'half_open' then gen_random_uuid() end
    where breaker = p_destination
$$;
select pg_temp.told('0');

select pg_temp.opened('monelec', 'open');
select is(split_part(pg_temp.told('3 minutes'), e'\n', 1), 'error breakers: monelec has not been called for 3 min (failures in a row)', 'what it is');
select is(pg_temp.told('4 minutes'), null, 'once');
select pg_temp.opened('monelec', 'half_open');
select is(pg_temp.told('5 minutes'), null, 'a probe is no end of it');
select pg_temp.opened('monelec', 'closed');
select is(pg_temp.told('6 minutes'), null, 'nor does it seem so at once');
select is(pg_temp.told('11 minutes'), 'recovered breakers monelec after 3 min', 'five minutes on it is over');
select is(pg_temp.told('17 minutes'), null, 'once');

select * from finish();
rollback;
