begin;
set local search_path = public, extensions;
select plan(8);
-- A system at work: started, ticking, pg_net's worker there, every check green.
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;
set local application_name = 'pg_net 0.20.4 worker';
select crm_sync.start();
create function pg_temp.has_run(p_status text, p_ago interval default '0') returns void language sql as $$
    insert into cron.job_run_details (runid, jobid, username, command, status, start_time, end_time)
    select (select coalesce(max(runid), 0) + 1 from cron.job_run_details), jobid, current_user, command, p_status, now() - p_ago, now() - p_ago
    from cron.job where jobname = 'crm_sync_tick'
$$;
select pg_temp.has_run('succeeded');
create function pg_temp.red() returns text[] language sql as
    $$ select coalesce(array_agg(check_name || ' ' || level order by check_name), '{}') from crm_sync.health() where level <> 'ok' $$;

create table small (id int primary key, created_at timestamptz not null default now());
select is(crm_sync._is_quick_to_search('public.small'), true, 'a small one');
create table parts (id int primary key, created_at timestamptz not null default now(), updated_at timestamptz) partition by range (id);
select is(crm_sync._is_quick_to_search('public.parts'), false, 'partitions are taken for large');
create index on parts (updated_at, id);
select is(crm_sync._is_quick_to_search('public.parts'), false, 'where updated_at may be null, one is searched by created_at, too');
create index parts_new_idx on parts (created_at) where created_at > '2026-01-01';
select is(crm_sync._is_quick_to_search('public.parts'), false, 'one of some rows alone is of no use');
create index on parts (created_at);
select is(crm_sync._is_quick_to_search('public.parts'), true, 'with both indexes it is quick');
drop index parts_created_at_idx;
alter table parts alter column updated_at set not null;
select is(crm_sync._is_quick_to_search('public.parts'), true, 'where it is never null its own suffices');
create table days (id int primary key, created_at date, updated_at timestamptz);
select is(crm_sync._is_quick_to_search('public.days'), true, 'and where there is no other');
create table more_days (primary key (id)) inherits (days);
select is(crm_sync._is_quick_to_search('public.days'), false, 'one with children is not: nobody knows how large they are');

select * from finish();
rollback;
