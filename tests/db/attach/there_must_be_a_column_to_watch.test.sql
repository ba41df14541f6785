begin;
set local search_path = public, extensions;
select plan(1);

create table public.visits (id int primary key, label text);
select throws_ok(
    $$select crm_sync.attach('public.visits', 'lead', array[]::text[], 'new.id')$$,
    'CS004', 'public.visits has no column to watch', 'CS004, not a syntax error of ours');

select * from finish();
rollback;
