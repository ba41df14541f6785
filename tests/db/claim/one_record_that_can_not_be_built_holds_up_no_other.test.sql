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

-- Two rows of another table for one of a hundred and thirty: the subquery of one record raises.
create table visits (id int primary key, label text);
create table visitors (label text, name text);
select crm_sync.attach('visits', 'lead', array['label'], $$'visit:' || new.id$$,
    p_joined => $$jsonb_build_object('name', (select visitors.name from public.visitors where visitors.label = this.label))$$);
insert into visitors values ('twice', 'one'), ('twice', 'two'), ('once', 'three');
insert into visits select number, case when number = 77 then 'twice' else 'once' end from generate_series(1, 130) as number;
select from crm_sync.tick();
select results_eq(
    $$select status, count(*) from crm_sync.deliveries where captured_at >= now() group by status order by status$$,
    $$values ('in_flight', 129::bigint), ('pending', 1)$$, 'the others leave');
select results_eq(
    $$select row_id, last_error_code from crm_sync.deliveries where captured_at >= now() and status = 'pending'$$,
    $$values ('77', 'record_not_built')$$, 'it waits');
select results_eq(
    $$select sql_state, count(*) from crm_sync.faults where place = 'record of lead from public.visits' group by 1$$,
    $$values ('21000', 1::bigint)$$, 'and a fault says why');

delete from visitors where name = 'two';
update crm_sync.deliveries set next_attempt_at = now() where status = 'pending' and captured_at >= now();
select from crm_sync.tick();
select is((select record ->> 'name' from crm_sync.deliveries where row_id = '77' and captured_at >= now()), 'one', 'until it can be read');

select * from finish();
rollback;
