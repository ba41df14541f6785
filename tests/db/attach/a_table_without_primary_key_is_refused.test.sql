begin;
set local search_path = public, extensions;
select plan(1);

create table public.visits (id int unique not null, label text);
select throws_ok(
    $$select crm_sync.attach('public.visits', 'lead', array['label'], 'new.id')$$,
    'CS004', 'public.visits can not be attached: it has no primary key', 'deliveries name their row by it');

select * from finish();
rollback;
