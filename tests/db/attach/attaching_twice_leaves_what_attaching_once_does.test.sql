begin;
set local search_path = public, extensions;
select plan(2);

create table public.visits (id int primary key, label text, note text);
select crm_sync.attach('public.visits', 'lead', array['label'], $$'visit:' || new.id$$);
create temp table first_time as
    select attachments.*, (select array_agg(tgname || ' ' || oid order by tgname) from pg_trigger where tgrelid = 'public.visits'::regclass) as triggers
    from crm_sync.attachments where table_name = 'public.visits';
select crm_sync.attach('public.visits', 'lead', array['label'], $$'visit:' || new.id$$);

select results_eq(
    $$select attachments.*, (select array_agg(tgname || ' ' || oid order by tgname) from pg_trigger where tgrelid = 'public.visits'::regclass)
      from crm_sync.attachments where table_name = 'public.visits'$$,
    'select * from first_time', 'the same attachment, the same two triggers: no lock was needed');

insert into visits values (1, 'a');
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 1, 'and a row is captured once');

select * from finish();
rollback;
