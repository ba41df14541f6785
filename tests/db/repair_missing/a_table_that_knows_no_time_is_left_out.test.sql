begin;
set local search_path = public, extensions;
select plan(2);

create table public.theirs (id int primary key, email text);
select crm_sync.attach('public.theirs', 'order_confirmation', array['email'], $$'theirs:' || new.id$$);
insert into leads (email) values ('ada@example.test');
delete from crm_sync.deliveries;
select results_eq('select table_name, repaired_count from crm_sync.repair_missing()', $$values ('public.leads', 1)$$, 'the others are looked at');
select is_empty('select place from crm_sync.faults', 'and nothing is wrong, today or tomorrow');

select * from finish();
rollback;
