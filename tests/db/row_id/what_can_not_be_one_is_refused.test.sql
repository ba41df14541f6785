begin;
set local search_path = public, extensions;
select plan(11);

create table public.lines (list text, line int, label text, primary key (list, line));
select crm_sync.attach('public.lines', 'lead', array['label'], $$'line:' || new.list$$);
create table public.codes (code varchar(3) primary key, label text);
select crm_sync.attach('public.codes', 'lead', array['label'], $$'code:' || new.code$$);
insert into codes values ('abc', 'not this one');

create function pg_temp.answer(p_statement text)
returns text[]
language plpgsql
as $$
declare
    v_hint text;
begin
    execute p_statement;
    return null;
exception when others then
    get stacked diagnostics v_hint = pg_exception_hint;
    return array[sqlstate, sqlerrm, v_hint];
end;
$$;

select is(
    pg_temp.answer($$select crm_sync.erase('leads', 'abc')$$),
    array['CS056', '"abc" is no id of a row of public.leads', 'Its key as text: id (uuid)'], 'erase() says what an id looks like');
select is(
    pg_temp.answer($$select crm_sync.trace('lines', '1')$$),
    array['CS056', '"1" is no id of a row of public.lines', 'Its key as a JSON array: list (text), line (integer)'], 'also of several columns: trace()');
select is((pg_temp.answer($$select crm_sync.row_status('lines', '["x"]')$$))[1], 'CS056', 'too few of them: row_status()');
select is((pg_temp.answer($$select crm_sync.row_status('lines', '["x", 1, 2]')$$))[1], 'CS056', 'too many');
select is((pg_temp.answer($$select crm_sync.row_status('lines', '["x", null]')$$))[1], 'CS056', 'one that is null');
select is((pg_temp.answer($$select crm_sync.row_status('lines', 'x')$$))[1], 'CS056', 'no JSON');
select is((pg_temp.answer($$select crm_sync.dry_run('leads', 'abc')$$))[1], 'CS056', 'dry_run()');
select is((pg_temp.answer($$select crm_sync.dry_run_request('leads', 'abc')$$))[1], 'CS056', 'dry_run_request()');
select is((pg_temp.answer($$select crm_sync.backfill('lead', array['abc'], p_table => 'leads')$$))[1], 'CS056', 'backfill()');
select is((pg_temp.answer($$select crm_sync.erase('codes', 'abcdef')$$))[1], 'CS056', 'what is too long is not cut off to another row''s');
select is((select count(*)::int from crm_sync.deliveries where table_name = 'public.codes' and status = 'pending'), 1, 'which stays');

select * from finish();
rollback;
