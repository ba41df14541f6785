begin;
set local search_path = public, extensions;
select plan(2);

create view public.visits as select 1 as id, 'a'::text as label;
create materialized view public.counted as select 1 as id;
select throws_ok(
    $$select crm_sync.attach('public.visits', 'lead', array['label'], 'new.id')$$,
    'CS004', 'public.visits can not be attached: it is not an ordinary or partitioned table', 'a view has no rows of its own');
select throws_ok(
    $$select crm_sync.attach('public.counted', 'lead', array['id'], 'new.id')$$,
    'CS004', null, 'nor has a materialized one');

select * from finish();
rollback;
