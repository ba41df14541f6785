begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

delete from crm_sync.faults;
do $$
declare
    v_step text;
begin
    foreach v_step in array array['capture_missed', 'capture_related', 'reconcile', 'dispatch_due'] loop
        execute format($sql$
            create or replace function crm_sync._%1$s(%2$s) returns int language plpgsql as $body$
            begin
                if current_setting('test.broken') = '%1$s' then
                    raise exception 'broken' using errcode = '22012';
                end if;
                return 7;
            end $body$;
        $sql$, v_step, case when v_step = 'capture_related' then 'p_limit int default 0, p_for interval default null' else 'p_now timestamptz' end);
    end loop;
end $$;
create temp table seen (broken text, affected int[]);
do $$
declare
    v_step text;
begin
    foreach v_step in array array['capture_missed', 'capture_related', 'reconcile', 'dispatch_due'] loop
        perform set_config('test.broken', v_step, true);
        insert into seen select v_step, array_agg(ticked.affected) from crm_sync.tick() as ticked;
    end loop;
end $$;

select results_eq(
    'select * from seen',
    $$values ('capture_missed', array[null, 7, 7, 7]), ('capture_related', array[7, null, 7, 7]),
             ('reconcile', array[7, 7, null, 7]), ('dispatch_due', array[7, 7, 7, null])$$, 'null for the one that failed');
select results_eq(
    'select place, sql_state from crm_sync.faults order by fault_id',
    $$values ('tick: capture_missed', '22012'), ('tick: capture_related', '22012'), ('tick: reconcile', '22012'), ('tick: dispatch', '22012')$$, 'each is noted');

select * from finish();
rollback;
