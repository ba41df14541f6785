begin;
set local search_path = public, extensions;
select plan(1);

create table public.lines (order_id uuid, line int, label text, primary key (order_id, line));
select crm_sync.attach('public.lines', 'order_confirmation', array['label'], $$'order:' || new.order_id$$);
insert into lines values ('50000000-0000-4000-8000-000000000001', 7, 'Câble');
update lines set label = 'Prise' where line = 7;

select results_eq(
    $$select operation, row_id, record from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('INSERT', '["50000000-0000-4000-8000-000000000001", 7]',
              '{"order_id": "50000000-0000-4000-8000-000000000001", "line": 7, "label": "Câble"}'::jsonb),
             ('UPDATE', '["50000000-0000-4000-8000-000000000001", 7]',
              '{"order_id": "50000000-0000-4000-8000-000000000001", "line": 7, "label": "Prise"}'::jsonb)$$,
    'in the order of the key, and paired by all of it');

select * from finish();
rollback;
