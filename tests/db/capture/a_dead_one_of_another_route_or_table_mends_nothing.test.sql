begin;
set local search_path = public, extensions;
select plan(2);

create table public.visits (id uuid primary key, label text, note text, name text);
select crm_sync.attach('visits', 'order_confirmation', array['label', 'note'], $$'visit:' || new.id$$,
                       p_condition => $$new.label = 'done'$$, p_transition => $$old.label is distinct from 'done'$$);
select crm_sync.attach('visits', 'lead', array['name'], $$'visit:' || new.id$$, p_condition => 'new.name is not null');
insert into visits values ('50000000-0000-4000-8000-000000000001', 'done', 'a', null);
update visits set name = 'ada';
update crm_sync.deliveries set status = 'dead', finished_at = now() where captured_at >= now() and route = 'lead';
update visits set note = 'b';
select is(
    (select array_agg(route order by delivery_id) from crm_sync.deliveries where captured_at >= now()),
    array['order_confirmation', 'lead'], 'another route of the row');

insert into orders (id, quantity, status) values ('50000000-0000-4000-8000-000000000001', 0, 'confirmed');
update crm_sync.deliveries set status = 'dead', finished_at = now() where captured_at >= now() and table_name = 'public.orders';
update visits set note = 'c';
select is(
    (select array_agg(route order by delivery_id) from crm_sync.deliveries where captured_at >= now()),
    array['order_confirmation', 'lead', 'order_confirmation'], 'a row of another table with the same id');

select * from finish();
rollback;
