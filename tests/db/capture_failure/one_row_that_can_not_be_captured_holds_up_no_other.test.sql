begin;
set local search_path = public, extensions;
select plan(6);
update crm_sync.settings set is_running = false;

create table visits (id int primary key, label text, score text);
select crm_sync.attach('visits', 'lead', array['label'], $$'visit:' || new.id$$, p_condition => $$new.score::int > 0$$,
    p_transition => $$old.label is distinct from new.label$$);
insert into visits select number, 'a', '1' from generate_series(1, 100) as number;
delete from crm_sync.deliveries where captured_at >= now();

update visits set label = case when id = 7 then label else 'b' end, score = case when id = 50 then 'n/a' else '1' end;
select is((select count(*) from crm_sync.capture_failures), 1::bigint, 'the statement was stored as a whole');
create function pg_temp.capture_missed() returns void language plpgsql as $$
begin
    for v_tick in 1 .. 8 loop
        perform crm_sync._capture_missed(clock_timestamp());
    end loop;
end
$$;
select pg_temp.capture_missed();
select is((select count(*) from crm_sync.deliveries where captured_at >= now()), 98::bigint, 'the others are captured, but for one that was not changed');
select results_eq(
    $$select row_ids, new_rows -> 0 ->> 'label', old_rows -> 0 ->> 'label', jsonb_array_length(new_rows), jsonb_array_length(old_rows)
      from crm_sync.capture_failures$$,
    $$values ('{50}'::text[], 'b', 'a', 1, 1)$$, 'it alone waits, with what it was');
select results_eq(
    $$select sql_state, retry_count from crm_sync.capture_failures$$, $$values ('22P02', 1)$$, 'as one that has failed');
select is(
    (select count(distinct failed_at) from crm_sync.capture_failures where failed_at >= now()), 1::bigint, 'since it was written');

delete from crm_sync.capture_failures;
insert into visits select number, 'c', 'n/a' from generate_series(1001, 3000) as number;
do $$ begin for v_tick in 1 .. 30 loop perform crm_sync._capture_missed(clock_timestamp()); end loop; end $$;
select cmp_ok(
    (select count(*) from crm_sync.capture_failures), '<=', 201::bigint, 'where all rows are at fault they are not taken apart one by one');

select * from finish();
rollback;
