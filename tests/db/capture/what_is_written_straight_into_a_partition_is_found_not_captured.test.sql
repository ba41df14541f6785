begin;
set local search_path = public, extensions;
select plan(5);
update crm_sync.settings set is_running = false;

create table visits (id int, day date, label text, created_at timestamptz not null default clock_timestamp(), primary key (id, day)) partition by range (day);
create table visits_of_2026 partition of visits for values from ('2026-01-01') to ('2027-01-01');
create table visits_of_2027 partition of visits for values from ('2027-01-01') to ('2028-01-01');
create table stays (id int primary key, label text, created_at timestamptz not null default clock_timestamp());
create table long_stays (primary key (id)) inherits (stays);
select crm_sync.attach('visits', 'lead', '{label}', $$'visit:' || new.id$$);
select crm_sync.attach('stays', 'lead', '{label}', $$'stay:' || new.id$$);

insert into visits_of_2026 values (1, '2026-05-01', 'a');
insert into long_stays values (1, 'a');
select is_empty($$select from crm_sync.deliveries where captured_at >= now()$$, 'a trigger of the root sees nothing of it');
select bag_eq(
    $$select 'visits', row_id from crm_sync.find_missing('visits') union all select 'stays', row_id from crm_sync.find_missing('stays')$$,
    $$values ('visits', '[1, "2026-05-01"]'), ('stays', '1')$$, 'find_missing() does');
select bag_eq(
    $$select table_name, repaired_count from crm_sync.repair_missing()$$, $$values ('public.visits', 1), ('public.stays', 1)$$, 'and so the nightly repair');
select is(
    (select count(*)::int from crm_sync.backfill('lead', p_since => now() - interval '1 hour')), 2, 'and backfill()');
delete from crm_sync.deliveries;
update visits set label = 'b';
update visits set day = '2027-05-01';
update stays set label = 'b';
select results_eq(
    $$select table_name, row_id, operation from crm_sync.deliveries order by delivery_id$$,
    $$values ('public.visits', '[1, "2026-05-01"]', 'UPDATE'), ('public.visits', '[1, "2027-05-01"]', 'UPDATE'), ('public.stays', '1', 'UPDATE')$$,
    'what is written by the root''s name is captured, wherever the row lies or moves to');

select * from finish();
rollback;
