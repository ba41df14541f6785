begin;
set local search_path = public, extensions;
select plan(1);

create table public.visits (id int primary key, label text);
select crm_sync.attach('public.visits', 'lead', array['label'], $$'visit:' || new.id$$);
alter table visits alter column label type json using to_json(label);
select crm_sync.reattach();
insert into visits values (1, '{"a":1}');
update visits set label = '{"a":2}';

select is(
    (select array_agg(operation order by delivery_id) from crm_sync.deliveries where captured_at >= now()),
    array['INSERT', 'UPDATE'], 'json has no equality and is now compared as text');

select * from finish();
rollback;
