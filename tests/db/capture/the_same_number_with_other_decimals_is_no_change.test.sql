begin;
set local search_path = public, extensions;
select plan(2);

create domain public.amount as numeric;
create table public.prices (id int primary key, price numeric, discount amount, span numrange, spans nummultirange);
select crm_sync.attach('public.prices', 'lead', array['price', 'discount', 'span', 'spans'], $$'p:' || new.id$$);
insert into prices values (1, 1.5, 1.5, '[1.5,2]', '{[1.5,2]}');
update prices set price = 1.50, discount = 1.50, span = '[1.50,2]', spans = '{[1.50,2]}';
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 1, 'compared as values, not as text');
update prices set price = 1.51;
update prices set discount = 1.51;
update prices set span = '[1.51,2]';
update prices set spans = '{[1.51,2]}';
select is((select count(*)::int from crm_sync.deliveries where captured_at >= now()), 5, 'each other value is one');

select * from finish();
rollback;
