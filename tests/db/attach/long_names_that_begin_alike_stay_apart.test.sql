begin;
set local search_path = public, extensions;
select plan(1);

create table public.visits_with_a_name_that_leaves_no_room_for_what_comes_before_2 (id int primary key, label text);
create table public.visits_with_a_name_that_leaves_no_room_for_what_comes_before_3 (id int primary key, label text);
select crm_sync.attach('visits_with_a_name_that_leaves_no_room_for_what_comes_before_2', 'lead', array['label'], $$'two:' || new.id$$);
select crm_sync.attach('visits_with_a_name_that_leaves_no_room_for_what_comes_before_3', 'lead', array['label'], $$'three:' || new.id$$);
insert into visits_with_a_name_that_leaves_no_room_for_what_comes_before_2 values (2, 'b');
insert into visits_with_a_name_that_leaves_no_room_for_what_comes_before_3 values (3, 'c');
select results_eq(
    $$select right(table_name, 1), row_id from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('2', '2'), ('3', '3')$$, 'their functions'' names would be cut off before they differ');

select * from finish();
rollback;
