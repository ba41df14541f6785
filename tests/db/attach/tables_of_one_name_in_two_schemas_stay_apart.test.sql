begin;
set local search_path = public, extensions;
select plan(1);

create schema north;
create schema south;
create table north.visits (id int primary key, label text);
create table south.visits (id int primary key, label text);
select crm_sync.attach('north.visits', 'lead', array['label'], $$'north:' || new.id$$);
select crm_sync.attach('south.visits', 'lead', array['label'], $$'south:' || new.id$$);
insert into north.visits values (1, 'a');
insert into south.visits values (2, 'b');
select results_eq(
    $$select table_name, row_id from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('north.visits', '1'), ('south.visits', '2')$$, 'each is captured by a function of its own');

select * from finish();
rollback;
