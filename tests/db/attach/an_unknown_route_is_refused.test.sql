begin;
set local search_path = public, extensions;
select plan(2);

create table public.visits (id int primary key, label text);
select throws_ok(
    $$select crm_sync.attach('public.visits', 'visit', array['label'], 'new.id')$$,
    'CS002', 'crm-sync knows no route "visit"', 'CS002 names it');
select is_empty($$select tgname from pg_trigger where tgrelid = 'public.visits'::regclass$$, 'nothing is left behind');

select * from finish();
rollback;
