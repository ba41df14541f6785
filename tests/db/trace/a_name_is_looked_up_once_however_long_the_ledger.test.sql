begin;
set local search_path = public, extensions;
select plan(6);

insert into leads (email) select 'ada@example.test' from generate_series(1, 20);
create table public.strangers (id int primary key);
insert into crm_sync.capture_failures (table_name, operation, old_rows, new_rows, row_ids, sql_state, detail)
select 'public.leads', 'INSERT', '[]', '[]', array[n::text], 'P0001', 'made' from generate_series(1, 20) as n;
create temp sequence namings;
create or replace function crm_sync._table_name(p_table regclass) returns text language plpgsql stable as $$
begin
    perform nextval('pg_temp.namings');
    return p_table;
end
$$;
prepare asked as select * from crm_sync.trace('strangers', '1');
select throws_ok('asked', 'CS023', 'nothing is captured from public.strangers', 'after a look through the ledger');
select cmp_ok((select last_value::int from namings), '<=', 3, 'which asks for the name once a call, not once a delivery');

alter sequence namings restart;
select is((select count(*)::int from crm_sync.trace('leads', '7') where step = 'missed by capture'), 1, 'among many that were missed');
select cmp_ok((select last_value::int from namings), '<=', 4, 'nor once a change that was missed');

alter sequence namings restart;
select is(crm_sync.row_status('leads', '7'), 'waiting: its last change is still to be captured', 'in a few words');
select cmp_ok((select last_value::int from namings), '<=', 3, 'the same');

select * from finish();
rollback;
