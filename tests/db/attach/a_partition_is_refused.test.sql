begin;
set local search_path = public, extensions;
select plan(1);

create table public.visits (id int primary key, label text) partition by range (id);
create table public.first_visits partition of public.visits for values from (1) to (100);
select throws_ok(
    $$select crm_sync.attach('public.first_visits', 'lead', array['label'], 'new.id')$$,
    'CS004', 'public.first_visits can not be attached: it is not an ordinary or partitioned table', 'its root is attached instead');

select * from finish();
rollback;
