begin;
set local search_path = public, extensions;
select plan(3);

create function pg_temp.hint_of(p_sql text) returns text language plpgsql as $$
declare
    v_hint text;
begin
    execute p_sql;
    return 'no error';
exception when others then
    get stacked diagnostics v_hint = pg_exception_hint;
    return v_hint;
end $$;
create table public.visits (id int, label text);

select is(
    pg_temp.hint_of($$select crm_sync.attach('public.visits', 'lead', array['label'], 'new.id')$$),
    'alter table … add primary key (…): deliveries name their row by it.', 'CS004, no primary key');
select is(
    pg_temp.hint_of($$select crm_sync.attach('public.leads', 'leed', array['email'], 'new.id')$$),
    'known routes: ' || (select string_agg(route, ', ' order by position) from crm_sync.routes), 'CS002 lists the routes');
select is(
    pg_temp.hint_of($$select crm_sync.attach_related('public.customers', 'request', 'public.leads', array['email'], 'select 1')$$),
    $$attach('public.leads', 'request', …) first$$, 'CS003 names the call that is missing');

select * from finish();
rollback;
