begin;
set local search_path = public, extensions;
select plan(1);

create table public.numbered (id int primary key deferrable, label text);
insert into numbered values (1, 'a'), (2, 'b');
select crm_sync.attach('public.numbered', 'order_confirmation', array['label'], $$'n:' || new.id$$);
update numbered set id = 3 - id;

select results_eq(
    $$select row_id, record ->> 'label' from crm_sync.deliveries where captured_at >= now() order by row_id$$,
    $$values ('1', 'b'), ('2', 'a')$$, 'each id is compared with the row that had it before');

select * from finish();
rollback;
