begin isolation level serializable;
set local search_path = public, extensions;
select plan(4);
-- Postgres marks what a serializable transaction reads; whoever inserts there meanwhile, and reads as well, makes one fail.
create function pg_temp.has_read() returns text[] language sql as $$
    select coalesce(array_agg(distinct locks.relation::regclass::text order by locks.relation::regclass::text), '{}')
    from pg_locks as locks
    join pg_class as classes on classes.oid = locks.relation
    left join pg_index as indexes on indexes.indexrelid = classes.oid
    where locks.pid = pg_backend_pid() and locks.mode = 'SIReadLock'
      and coalesce(indexes.indrelid, classes.oid)::regclass not in ('crm_sync.destinations', 'crm_sync.attachments', 'crm_sync.related_attachments', 'crm_sync.routes')
$$;

insert into leads (email) values ('ada@example.test');
insert into customers (id, email) values ('20000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into requests (customer_id, status) values ('20000000-0000-4000-8000-000000000001', 'submitted');
insert into payments (stripe_session_id, amount, status) values ('cs_1', 100, 'succeeded');
insert into payments (stripe_payment_intent_id, amount) values ('pi_1', 100);
insert into orders (order_number, status) values ('CMD-000001', 'confirmed');
set constraints all immediate;
select is(array(select unnest(pg_temp.has_read()) except select unnest(array['customers', 'customers_pkey'])), '{}', 'of any table, but where a foreign key has looked');

set local crm_sync.capture = 'off';
insert into leads (email) values ('bob@example.test');
insert into orders (order_number, status) values ('CMD-000002', 'confirmed');
select is(array(select unnest(pg_temp.has_read()) except select unnest(array['customers', 'customers_pkey'])), '{}', 'nor while capture is off');

set local crm_sync.capture = 'of';
set local crm_sync.origin = 'nobody';
insert into leads (email) values ('eva@example.test');
insert into orders (order_number, status) values ('CMD-000003', 'confirmed');
select is(array(select unnest(pg_temp.has_read()) except select unnest(array['customers', 'customers_pkey'])), '{}', 'nor where it doubts what was meant');

update payments set status = 'succeeded', currency = 'chf';
update orders set client_city = 'Lyon';
update customers set phone = '1';
set constraints all immediate;
select is(array(select unnest(pg_temp.has_read()) except select unnest(array['customers', 'customers_pkey', 'orders', 'payments'])), '{}', 'nor of an update');

select * from finish();
rollback;
