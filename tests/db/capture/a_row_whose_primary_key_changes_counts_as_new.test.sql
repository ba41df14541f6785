begin;
set local search_path = public, extensions;
select plan(1);

create table public.numbered (id int primary key, label text);
select crm_sync.attach('public.numbered', 'order_confirmation', array['label'], $$'n:' || new.id$$, p_transition => 'old.id is null');
insert into numbered values (1, 'a');
update numbered set id = 2;

select results_eq(
    $$select operation, row_id, ordering_key, record from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('INSERT', '1', 'n:1', '{"id": 1, "label": "a"}'::jsonb), ('UPDATE', '2', 'n:2', '{"id": 2, "label": "a"}'::jsonb)$$,
    'there is no old row of that name, so everything about it is new');

select * from finish();
rollback;
