begin;
set local search_path = public, extensions;
select plan(1);
-- Where deliveries go before their records would.
update crm_sync.settings set is_running = false, keep_trace = '2 days', keep_record_delivered = '7 days';

insert into leads (id, email, updated_at)
select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test', clock_timestamp() - age
from (values (1, interval '1 day'), (2, '3 days')) as rows (n, age);
delete from crm_sync.deliveries where captured_at >= now();
update crm_sync.attachments set attached_at = clock_timestamp() - interval '1 year' where route = 'lead';

select is(
    (select array_agg(right(row_id, 1)) from crm_sync.find_missing('leads')), array['1'], 'its delivery may have been purged');

select * from finish();
rollback;
