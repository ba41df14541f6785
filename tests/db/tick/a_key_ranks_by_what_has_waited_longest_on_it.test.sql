begin;
set local search_path = public, extensions;
select plan(5);
update crm_sync.settings set is_running = false;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

create table public.visits (id int primary key, key text);
select crm_sync.attach('visits', 'order_confirmation', array['key'], 'new.key');
insert into visits values (1, 'a'), (2, 'b'), (3, 'a'), (4, 'a');
update crm_sync.settings set is_running = true;
-- Which leave, of those that are due since so many minutes, when so many may.
create function pg_temp.leaving(p_minutes int[], p_limit int, p_backfill int default 0) returns int[] language plpgsql as $$
begin
    update crm_sync.deliveries
    set status = 'pending', envelope_id = null, next_attempt_at = now() - p_minutes[row_id::int] * interval '1 minute',
        is_backfill = row_id::int = p_backfill, is_parked = false, claimed_at = null, claimed_snapshot = null
    where captured_at >= now();
    delete from crm_sync.envelopes;
    update crm_sync.destinations set max_deliveries_in_flight = p_limit;
    perform crm_sync.tick(now());
    return (select array_agg(row_id::int order by delivery_id) from crm_sync.deliveries where captured_at >= now() and status = 'in_flight');
end $$;
select is(pg_temp.leaving(array[2, 1, 0, 0], 2), array[1, 3], 'of two keys the one whose first waits longer');
select is(pg_temp.leaving(array[1, 1, 0, 0], 2), array[1, 3], 'of those that wait equally long the one captured first');
select is(pg_temp.leaving(array[3, 2, 1, 0], 3), array[1, 3, 4], 'whatever else is due on it');
select is(pg_temp.leaving(array[1, 1, 1, 0], 3), array[1, 3, 4], 'and whatever else was captured');
select is(pg_temp.leaving(array[2, 1, 2, 0], 2, p_backfill => 3), array[1, 3], 'a live one counts before a backfill behind it');

select * from finish();
rollback;
