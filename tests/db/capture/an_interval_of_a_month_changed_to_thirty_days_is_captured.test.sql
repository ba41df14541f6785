begin;
set local search_path = public, extensions;
select plan(2);

-- Postgres calls them equal; no receiver does.
create domain public.duration as interval;
create table public.warranties (id int primary key, lasts interval, runs public.duration);
select crm_sync.attach('public.warranties', 'order_confirmation', array['lasts', 'runs'], $$'warranty:' || new.id$$);
insert into warranties values (1, '1 month', '1 month');
update warranties set lasts = '30 days';
select is(
    (select array_agg(record ->> 'lasts' order by delivery_id) from crm_sync.deliveries where captured_at >= now()),
    array['1 mon', '30 days'], 'as another value');

update warranties set runs = '30 days';
select is(
    (select array_agg(record ->> 'runs' order by delivery_id) from crm_sync.deliveries where captured_at >= now()),
    array['1 mon', '1 mon', '30 days'], 'also under another name');

select * from finish();
rollback;
