begin;
set local search_path = public, extensions;
select plan(5);
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
select pg_temp.told('1 minute');
select pg_temp.opened('monelec', 'closed');
select pg_temp.told('2 minutes');
select pg_temp.opened('monelec', 'open');
select is(pg_temp.told('6 minutes'), null, 'back before its end was told: it goes on');
select pg_temp.opened('monelec', 'closed');
select pg_temp.told('7 minutes');
select is(pg_temp.told('12 minutes'), 'recovered breakers monelec after 6 min', 'as one trouble');
select pg_temp.opened('monelec', 'open');
select is(pg_temp.told('13 minutes'), null, 'again within the hour: not told');
select is(pg_temp.told('60 minutes'), null, 'up to the window''s end');
select isnt(pg_temp.told('61 minutes'), null, 'told if it lasts beyond');

select * from finish();
rollback;
