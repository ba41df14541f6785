begin isolation level serializable;
set local search_path = public, extensions;
select plan(2);

do $$ begin perform crm_sync.attach_related(
    'public.orders', 'request', 'public.requests', p_watched => array['created_at'],
    p_affected => 'select requests.id::text from public.requests where false'); end $$;
insert into orders (id, order_number) values ('50000000-0000-4000-8000-000000000001', 'CMD-000001');
delete from crm_sync.capture_failures;
update orders set created_at = '2026-01-01';
select is((select sql_state from crm_sync.capture_failures), 'CS064', 'no route of its own watches that column');
select crm_sync._capture_missed(clock_timestamp());
select results_eq(
    $$select table_name, row_id from crm_sync.related_changes$$, $$values ('public.orders', '50000000-0000-4000-8000-000000000001')$$,
    'the tick asks which rows it concerns');

select * from finish();
rollback;
