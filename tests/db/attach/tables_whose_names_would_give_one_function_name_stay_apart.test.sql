begin;
set local search_path = public, extensions;
select plan(1);

create schema a;
create table a.b (id int primary key, label text);
create table public.a__b (id int primary key, label text);
select crm_sync.attach('a.b', 'lead', array['label'], $$'first:' || new.id$$);
select crm_sync.attach('public.a__b', 'lead', array['label'], $$'second:' || new.id$$);
insert into a.b values (1, 'x');
insert into public.a__b values (1, 'x');

select results_eq(
    $$select table_name, ordering_key from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('a.b', 'first:1'), ('public.a__b', 'second:1')$$, 'each has functions of its own');

select * from finish();
rollback;
