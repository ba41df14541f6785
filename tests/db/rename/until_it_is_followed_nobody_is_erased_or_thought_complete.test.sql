begin;
set local search_path = public, extensions;
select plan(6);

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
alter table leads rename to contacts;
create function pg_temp.refuses(p_statement text) returns text language sql as
    $$ select throws_ok(p_statement, 'CS051', 'public.contacts was attached as public.leads', p_statement) $$;

select pg_temp.refuses($$select * from crm_sync.erase('contacts', '10000000-0000-4000-8000-000000000001')$$);
select pg_temp.refuses($$select * from crm_sync.erase_person('ada@example.test', p_count_only => false)$$);
select pg_temp.refuses($$select * from crm_sync.export_person('ada@example.test')$$);
select pg_temp.refuses($$select * from crm_sync.find_missing('contacts')$$);
select from crm_sync.reattach();
select lives_ok($$select * from crm_sync.find_missing('contacts'), crm_sync.export_person('ada@example.test')$$, 'then all is found');
select results_eq(
    $$select table_name, delivery_count, erased from crm_sync.erase_person('ada@example.test', p_count_only => false)$$,
    $$values ('public.contacts', 1, true)$$, 'and erased');

select * from finish();
rollback;
