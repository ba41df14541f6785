begin;
set local search_path = public, extensions;
select plan(1);

create table public.related (id int primary key, label text);
create table public.missed (id int primary key, label text);
create table public.failed (id int primary key, label text);
create temp table before_attach as select oid::regprocedure::text as name from pg_proc where pronamespace = 'crm_sync'::regnamespace;
select crm_sync.attach('public.related', 'lead', array['label'], $$'a:' || new.id$$);
select crm_sync.attach('public.missed', 'lead', array['label'], $$'a:' || new.id$$);
select crm_sync.attach('public.failed', 'lead', array['label'], $$'a:' || new.id$$);
select crm_sync.detach('public.related');
select crm_sync.detach('public.missed');
select crm_sync.detach('public.failed');

select is_empty(
    $$select name from before_attach where to_regprocedure(name) is null$$, 'the engine is whole');

select * from finish();
rollback;
