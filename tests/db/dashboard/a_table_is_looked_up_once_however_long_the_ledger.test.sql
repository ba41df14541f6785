begin;
set local search_path = public, extensions;
select plan(5);

insert into leads (email) select 'ada@example.test' from generate_series(1, 20);
insert into orders (status) select 'confirmed' from generate_series(1, 20);
create temp sequence lookups;
create or replace function crm_sync._attached_table(p_table text) returns text language plpgsql stable as $$
begin
    perform nextval('pg_temp.lookups');
    return 'public.' || p_table;
end
$$;
set local role service_role;
create temp table told as select * from public.crm_sync_deliveries('orders', p_limit => 1000);
reset role;
select is((select count(*)::int from told where captured_at >= now()), 20, 'all of that table''s');
select is((select count(*)::int from told where table_name <> 'public.orders'), 0, 'and no other''s');
select is((select last_value::int from lookups), 1, 'one look for the table');

insert into crm_sync.deliveries (route, destination, table_name, row_id, operation, ordering_key)
select 'lead', 'monelec', 'public.leads', 'of a busy row', 'UPDATE', 'lead:of a busy row' from generate_series(1, 20);
alter sequence lookups restart;
set local role service_role;
create temp table sent as select * from public.crm_sync_redeliver(p_table => 'leads', p_row_id => 'of a busy row');
reset role;
select is((select count(*)::int from sent), 1, 'of a row with a long history the newest');
select is((select last_value::int from lookups), 1, 'one look for its table');

select * from finish();
rollback;
