begin;
set local search_path = public, extensions;
select plan(2);

create table public.visits (id int primary key, label text, gone text);
alter table visits drop column gone;
select throws_ok(
    $$select crm_sync.attach('public.visits', 'lead', array['label', 'gone'], 'new.id', p_columns => array['id'])$$,
    'CS004', 'public.visits has no column gone', 'among the watched ones; a dropped one is none');
select throws_ok(
    $$select crm_sync.attach('public.visits', 'lead', array['label'], 'new.id', p_columns => array['id', 'ctid'])$$,
    'CS004', 'public.visits has no column ctid', 'among those of the record; system columns are none');

select * from finish();
rollback;
