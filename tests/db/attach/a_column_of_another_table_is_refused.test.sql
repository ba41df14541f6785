begin;
set local search_path = public, extensions;
select plan(1);

create table public.visits (id int primary key, label text);
select throws_ok(
    $$select crm_sync.attach('public.visits', 'lead', array['label', 'email'], 'new.id')$$,
    'CS004', 'public.visits has no column email', 'leads has one of that name');

select * from finish();
rollback;
