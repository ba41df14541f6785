begin;
set local search_path = public, extensions;
select plan(1);

create table public.visits (id int primary key, label text);
select throws_ok(
    $$select crm_sync.attach('public.visits', 'lead', array['label'], '''visit:'' || new.id', p_condition => 'new.lable is not null')$$,
    'CS004', null, 'at once, not at every write from then on');

select * from finish();
rollback;
