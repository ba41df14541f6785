begin isolation level serializable;
set local search_path = public, extensions;
select plan(4);

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into requests (id, status) values ('30000000-0000-4000-8000-000000000001', 'submitted');
select results_eq(
    $$select route, row_id from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('lead', '10000000-0000-4000-8000-000000000001'), ('request', '30000000-0000-4000-8000-000000000001')$$,
    'its capture reads nothing');
select is_empty($$select from crm_sync.capture_failures$$, 'and leaves nothing to the tick');

do $$ begin perform crm_sync.attach(
    'public.leads', 'lead', p_watched => array['email'], p_ordering_key => '''lead:'' || new.id',
    p_condition => 'exists (select from public.customers where customers.email = new.email)'); end $$;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
select results_eq(
    $$select sql_state, row_ids from crm_sync.capture_failures$$,
    $$values ('CS064', array['10000000-0000-4000-8000-000000000002'])$$, 'unless its condition does');
create function public.is_of_us(p_email text) returns boolean language sql as $$ select false $$;
do $$ begin perform crm_sync.attach(
    'public.leads', 'lead', p_watched => array['email'], p_ordering_key => '''lead:'' || new.id',
    p_condition => 'not public.is_of_us(new.email)'); end $$;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000003', 'eva@example.test');
select is((select count(*)::int from crm_sync.capture_failures), 2, 'or may, in a function of the application''s');

select * from finish();
rollback;
