begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = false;

create collation anyhow (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create domain spelled_anyhow as text collate anyhow;
create table visits (id int primary key, label text collate anyhow, name varchar(20) collate anyhow, title spelled_anyhow);
select crm_sync.attach('visits', 'lead', array['label', 'name', 'title'], $$'visit:' || new.id$$);
insert into visits values (1, 'ada', 'ada', 'ada');
prepare captured as
    select count(*) from crm_sync.deliveries where table_name = 'public.visits';

update visits set label = 'Ada';
select results_eq('captured', $$values (2::bigint)$$, 'in a text');
update visits set name = 'Ada';
select results_eq('captured', $$values (3::bigint)$$, 'in a varchar');
update visits set title = 'Ada';
select results_eq('captured', $$values (4::bigint)$$, 'in a domain');

select * from finish();
rollback;
