begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = true;

select is(crm_sync._shall_tick_again(p_pause => '0'), false, 'nothing is left');
insert into crm_sync.capture_failures (table_name, operation, row_ids, old_rows, new_rows, sql_state) values ('public.leads', 'INSERT', '{1}', '[]', '[]', 'CS064');
select is(crm_sync._shall_tick_again(p_pause => '0'), true, 'what one tick could not take, more take than one each two seconds');
update crm_sync.capture_failures set next_retry_at = clock_timestamp() + interval '2 seconds';
select is(crm_sync._shall_tick_again(p_pause => '0'), false, 'what waits for its time is not asked for');

select * from finish();
rollback;
