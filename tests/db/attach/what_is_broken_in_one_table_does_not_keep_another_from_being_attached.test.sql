begin;
set local search_path = public, extensions;
select plan(1);

alter table leads drop column email cascade;
create table public.visits (id int primary key, label text);
select lives_ok(
    $$select crm_sync.attach('public.visits', 'lead', array['label'], '''visit:'' || new.id')$$,
    'each is judged by itself');

select * from finish();
rollback;
