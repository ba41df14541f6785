begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = false;

create table public.visits (id int primary key, seen_at timestamptz, updated_at timestamptz not null default clock_timestamp());
select crm_sync.attach('public.visits', 'lead', array['seen_at'], $$'visit:' || new.id$$, p_condition => $$new.seen_at::text like '%+00'$$);
insert into public.visits (id, seen_at) values (1, '2040-01-01');
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 1, 'captured');
set local timezone = 'America/New_York';
set local datestyle = 'SQL, DMY';
set local extra_float_digits = -15;
set local intervalstyle = 'sql_standard';
set local bytea_output = 'escape';

select is((select count(*)::int from crm_sync.backfill('lead', p_since => now() - interval '1 minute', p_table => 'public.visits')), 1, 'and found by its time');

select * from finish();
rollback;
