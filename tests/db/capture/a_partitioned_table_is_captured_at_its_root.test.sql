begin;
set local search_path = public, extensions;
select plan(1);

create table public.visits (id int, day date, label text, primary key (id, day)) partition by range (day);
create table public.visits_2026 partition of public.visits for values from ('2026-01-01') to ('2027-01-01');
create table public.visits_2027 partition of public.visits for values from ('2027-01-01') to ('2028-01-01');
select crm_sync.attach('public.visits', 'lead', array['label'], $$'visit:' || new.id$$);
insert into visits values (1, '2026-05-01', 'a'), (2, '2027-05-01', 'b');
update visits set label = 'c' where id = 2;

select results_eq(
    $$select table_name, row_id, operation from crm_sync.deliveries where captured_at >= now() order by row_id, delivery_id$$,
    $$values ('public.visits', '[1, "2026-05-01"]', 'INSERT'), ('public.visits', '[2, "2027-05-01"]', 'INSERT'),
             ('public.visits', '[2, "2027-05-01"]', 'UPDATE')$$,
    'rows of every partition, named by the root');

select * from finish();
rollback;
