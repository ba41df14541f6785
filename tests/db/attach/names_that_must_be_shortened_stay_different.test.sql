begin;
set local search_path = public, extensions;
select plan(1);

create schema "the rather long name of the department for something else";
create table "the rather long name of the department for something else"."and the long name of one of its tables" (id int primary key, label text);
create table "the rather long name of the department for something else"."and the long name of one of its TABLES" (id int primary key, label text);
select crm_sync.attach('"the rather long name of the department for something else"."and the long name of one of its tables"', 'lead', array['label'], $$'a:' || new.id$$);
select crm_sync.attach('"the rather long name of the department for something else"."and the long name of one of its TABLES"', 'lead', array['label'], $$'b:' || new.id$$);
insert into "the rather long name of the department for something else"."and the long name of one of its tables" values (1, 'x');
insert into "the rather long name of the department for something else"."and the long name of one of its TABLES" values (1, 'x');

select is(
    (select array_agg(ordering_key order by delivery_id) from crm_sync.deliveries where captured_at >= now()),
    array['a:1', 'b:1'], 'each table has functions of its own');

select * from finish();
rollback;
