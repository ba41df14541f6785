begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = false;

create table public.visits (id int primary key, key text);
select crm_sync.attach('visits', 'order_confirmation', array['key'], 'new.key');
select crm_sync.attach('visits', 'lead', array['key'], 'new.key');
insert into visits select n, case when n <= 12 then 'a' else 'b' end from generate_series(1, 13) as n;
update crm_sync.deliveries set is_parked = true where captured_at >= now();
-- However it is planned: as a join's inner side the limit would be asked again for each row.
set local enable_hashjoin = off;
set local enable_mergejoin = off;
set local enable_hashagg = off;
set local enable_sort = off;
set local enable_material = off;
select crm_sync._wake_keys('elementor', array['a']);
select is_empty(
    $$select delivery_id
      from (
          select * from crm_sync.deliveries
          where captured_at >= now() and destination = 'elementor' and ordering_key = 'a' order by delivery_id limit 10
      ) as first
      where first.is_parked$$, 'enough for the tick to look at the whole key');
select is_empty(
    $$select delivery_id from crm_sync.deliveries
      where captured_at >= now() and not is_parked and (destination <> 'elementor' or ordering_key <> 'a')$$,
    'other keys and destinations cost it nothing');

select is(
    (select count(*)::int from crm_sync.deliveries where captured_at >= now() and not is_parked), 10,
    'and a backlog wakes no more than that');

select * from finish();
rollback;
