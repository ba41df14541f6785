begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

create temporary table waits (lock_timeout text) on commit drop;
create function pg_temp.see() returns trigger language plpgsql as $$
begin
    insert into pg_temp.waits values (current_setting('lock_timeout'));
    return null;
end $$;
create trigger see after insert on crm_sync.envelopes for each statement execute function pg_temp.see();
create function pg_temp.unbuildable(p_sql_state text) returns void language plpgsql as $$
begin
    execute format(
        'create or replace function crm_sync._record__leads__lead(p_delivery_ids bigint[])
         returns table (delivery_id bigint, record jsonb, ordering_key text) language plpgsql as %L',
        format('begin raise exception using errcode = %L; end', p_sql_state));
end $$;

select pg_temp.unbuildable('42703');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'submitted');
set constraints all immediate;
select results_eq(
    $$select table_name, status from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('public.leads', 'pending'), ('public.requests', 'in_flight')$$, 'its own transaction sends the rest');
select results_eq('select * from pg_temp.waits', array['200ms'], 'and waits for locks as ever');

set constraints all deferred;
select pg_temp.unbuildable('55P03');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000002', 'ada@example.test');
insert into requests (id, status) values ('20000000-0000-4000-8000-000000000002', 'submitted');
set constraints all immediate;
select results_eq('select * from pg_temp.waits', array['200ms', '1ms'], 'but for a table that is locked it waits once');

select * from finish();
rollback;
