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
select pg_temp.told('0');

insert into leads (id, email) select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test' from generate_series(1, 4) as n;
create function pg_temp.died(p_n int) returns void language sql as $$
    update crm_sync.deliveries set status = 'dead', finished_at = now(), last_error_code = 'receiver_status_422'
    where row_id = '10000000-0000-4000-8000-00000000000' || p_n
$$;
select pg_temp.died(1);
select matches(pg_temp.told('1 minute'), '^error dead_letters: dead: 1 of lead ', 'the first at once');
select pg_temp.died(2);
select is(pg_temp.told('2 minutes'), null, 'one more within the hour is not told');
select matches(pg_temp.told('61 minutes'), '^error dead_letters: dead: 2 of lead ', 'but then');
select is(pg_temp.told('122 minutes'), null, 'no more, no message');
update crm_sync.deliveries set status = 'cancelled' where status = 'dead' and row_id like '%1';
select is(pg_temp.told('123 minutes'), null, 'nor fewer');
select pg_temp.died(3);
select matches(pg_temp.told('124 minutes'), '^error dead_letters: dead: 2 of lead ', 'but of fewer one more is news');

select * from finish();
rollback;
