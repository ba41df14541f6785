-- Takes out of a database everything that crm-sync has put there; the application's tables stay as they are. In this order, also
-- while they are written to: select crm_sync.detach('…'); for each table of crm_sync.attachments. Wait until nothing is pending, in_flight
-- or dead in crm_sync.delivery_log; give up what never arrives, by crm_sync.cancel(). Then select crm_sync.stop(); and, until nothing is in
-- flight, select crm_sync.tick(); Then: psql "$DATABASE_URL" -X -v ON_ERROR_STOP=1 -f sql/ops/uninstall.sql, or Studio's SQL editor. One statement: all of it or nothing.
-- Refuses while something has not arrived; to throw that away: psql "$DATABASE_URL" -X -v ON_ERROR_STOP=1 -c "set crm_sync.discard = 'yes'" -f sql/ops/uninstall.sql
-- What stays: pgcrypto, pg_net, pg_cron, Vault themselves; a role of ours that is somebody else's, too; pg_net's answers, for six hours.
-- Outside of the database: supabase functions delete crm-sync, and the migrations' files and lines (supabase migration repair).
-- Role: owner of crm_sync and of the attached tables, which are locked, all at once, until it ends; it waits 0.9 s for that.
do $uninstall$
declare
    v_ours    constant regnamespace := to_regnamespace('crm_sync');
    v_trigger record;
    v_tables  text;
    v_found   text;
    v_role    text;
begin
    if v_ours is null then
        raise exception 'crm-sync is not installed in this database' using errcode = '3F000';
    elsif (select settings.is_running from crm_sync.settings) then
        raise exception 'crm-sync is running' using errcode = 'CS033', hint = 'First what the head of this file says; of it the last: select crm_sync.stop(); as a transaction of its own.';
    end if;

    -- The history is the longest work, so before anything is locked; by command, for jobs that are gone, too.
    if to_regclass('cron.job_run_details') is not null then
        delete from cron.job_run_details as runs
        where runs.command like any (array['do $tick$%crm\_sync.tick()%', 'do $purge$%crm\_sync.\_purge%', 'do $crm\_sync$%', 'select crm\_sync.%']);
    end if;

    -- From here on nobody writes, so that what is counted is all there is. Shorter than deadlock_timeout: we give way.
    perform set_config('lock_timeout', '900ms', true);
    select string_agg(distinct triggers.tgrelid::regclass::text, ', ') into v_tables
    from pg_catalog.pg_trigger as triggers
    join pg_catalog.pg_proc as functions on functions.oid = triggers.tgfoid
    join pg_catalog.pg_class as classes on classes.oid = triggers.tgrelid
    where functions.pronamespace = v_ours and classes.relnamespace <> v_ours;
    if v_tables is not null then
        execute format('lock table %s in access exclusive mode', v_tables);
    end if;

    select string_agg(format('%s %s', counted.how_many, counted.what), ', ' order by counted.what) into v_found
    from (
        select deliveries.status as what, count(*) as how_many
        from crm_sync.deliveries
        where deliveries.status in ('pending', 'in_flight', 'dead')
        group by deliveries.status
        union all
        select 'still to be captured', count(*) from crm_sync.capture_failures having count(*) > 0
        union all
        select 'still to be looked at', count(*) from crm_sync.related_changes having count(*) > 0
    ) as counted;
    if v_found is not null and current_setting('crm_sync.discard', true) is distinct from 'yes' then
        raise exception 'not everything has arrived: %', v_found
            using errcode = 'CS033',
                  hint = 'Let it arrive: select crm_sync.start(); then select crm_sync.detach(''…''); for each table of crm_sync.attachments, and, once nothing waits, select crm_sync.stop(); What is still in flight: select crm_sync.tick(); Or keep it: \copy (select * from crm_sync.deliveries where status in (''pending'', ''in_flight'', ''dead'')) to ''undelivered.csv'' csv header; then as the head of this file says.';
    end if;

    for v_trigger in
        select triggers.tgname as name, triggers.tgrelid::regclass as table_name
        from pg_catalog.pg_trigger as triggers
        join pg_catalog.pg_proc as functions on functions.oid = triggers.tgfoid
        join pg_catalog.pg_class as classes on classes.oid = triggers.tgrelid
        where functions.pronamespace = v_ours and classes.relnamespace <> v_ours
    loop
        execute format('drop trigger %I on %s', v_trigger.name, v_trigger.table_name);
    end loop;
    drop function if exists public.crm_sync_deliveries(text, text, text, bigint, int), public.crm_sync_row_status(text, text),
        public.crm_sync_redeliver(bigint[], text, text, text), public.crm_sync_health();

    -- What others have built on ours would go with the schema unasked, or fail later.
    select string_agg(distinct users.name, ', ') into v_found
    from (
        select pg_describe_object(depends.classid, depends.objid, depends.objsubid) as name
        from pg_catalog.pg_depend as depends
        where depends.deptype in ('n', 'a')
          and ((depends.refclassid = 'pg_class'::regclass
                and depends.refobjid in (select oid from pg_catalog.pg_class where relnamespace = v_ours))
               or (depends.refclassid = 'pg_proc'::regclass
                   and depends.refobjid in (select oid from pg_catalog.pg_proc where pronamespace = v_ours))
               or (depends.refclassid = 'pg_type'::regclass
                   and depends.refobjid in (select oid from pg_catalog.pg_type where typnamespace = v_ours)))
          and (pg_identify_object_as_address(depends.classid, depends.objid, depends.objsubid)).object_names[1] <> 'crm_sync'
        union all
        select 'function ' || functions.oid::regprocedure
        from pg_catalog.pg_proc as functions
        where functions.pronamespace <> v_ours and functions.prosrc ~ '\mcrm_sync\.'
    ) as users;
    if v_found is not null then
        raise exception 'others use crm-sync: %', v_found using errcode = '2BP01', hint = 'Drop or change them first.';
    end if;

    drop schema crm_sync cascade;
    if to_regclass('vault.secrets') is not null then
        delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
    end if;
    foreach v_role in array array['crm_sync_reader', 'crm_sync_operator'] loop
        -- Roles are the server's: another of its databases, or somebody who was made a member, may still need them.
        if exists (
            select from pg_catalog.pg_auth_members as members
            where members.roleid = to_regrole(v_role) and members.member <> quote_ident(current_user)::regrole
        ) then
            raise notice 'role % stays: it has members', v_role;
            continue;
        end if;
        begin
            execute format('drop role if exists %I', v_role);
        exception when dependent_objects_still_exist or insufficient_privilege then
            raise notice 'role % stays: %', v_role, sqlerrm;
        end;
    end loop;
end
$uninstall$;
