-- Takes out of a database everything that crm-sync has put there; the application's tables stay as they are.
-- psql "$DATABASE_URL" -X -v ON_ERROR_STOP=1 --single-transaction -f sql/ops/uninstall.sql, or Studio's SQL editor. All of it or nothing.
-- Refuses while something has not arrived, until the session says: set crm_sync.discard = 'yes'; (psql: PGOPTIONS="-c crm_sync.discard=yes").
-- What stays: pgcrypto, pg_net, pg_cron, Vault themselves; a role of ours that is somebody else's, too; pg_net's answers, for six hours.
-- Outside of the database: supabase functions delete crm-sync, and the migrations' files and lines (supabase migration repair).
-- Role: owner of crm_sync and of the attached tables. Takes each table's lock for an instant, and waits for it 3 s.
set lock_timeout = '3s';

do $$
declare
    v_left text := (
        select string_agg(format('%s %s', counted.how_many, counted.what), ', ' order by counted.what)
        from (
            select deliveries.status as what, count(*) as how_many
            from crm_sync.deliveries
            where deliveries.status in ('pending', 'in_flight', 'dead')
            group by deliveries.status
            union all
            select 'still to be captured', count(*) from crm_sync.capture_failures having count(*) > 0
        ) as counted
    );
    v_users text := (
        -- Somebody's view over ours would go with the schema, unasked.
        select string_agg(distinct users.oid::regclass::text, ', ')
        from pg_catalog.pg_depend as depends
        join pg_catalog.pg_rewrite as rules on depends.classid = 'pg_rewrite'::regclass and depends.objid = rules.oid
        join pg_catalog.pg_class as users on users.oid = rules.ev_class
        join pg_catalog.pg_class as ours on depends.refclassid = 'pg_class'::regclass and depends.refobjid = ours.oid
        where ours.relnamespace = 'crm_sync'::regnamespace and users.relnamespace <> 'crm_sync'::regnamespace
    );
begin
    if v_left is not null and current_setting('crm_sync.discard', true) is distinct from 'yes' then
        raise exception 'not everything has arrived: %', v_left
            using errcode = 'CS033',
                  hint = 'Keep it: \copy (select * from crm_sync.deliveries where status in (''pending'', ''in_flight'', ''dead'')) to ''undelivered.csv'' csv header, then set crm_sync.discard = ''yes''; in the same session.';
    end if;
    if v_users is not null then
        raise exception 'views outside of crm_sync read it: %', v_users using errcode = '2BP01', hint = 'drop them first';
    end if;
end
$$;

select is_running from crm_sync.stop();

select detached.table_name, detached.route
from (
    select attachments.table_name from crm_sync.attachments
    union
    select related.table_name from crm_sync.related_attachments as related
) as tables
cross join lateral crm_sync.detach(to_regclass(tables.table_name)) as detached
where to_regclass(tables.table_name) is not null;

delete from cron.job_run_details as runs
where runs.command = crm_sync._tick_command() or runs.command like 'select crm\_sync.%';

delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret') returning name as forgotten;

do $$
declare
    v_function regprocedure;
    v_role     text;
begin
    for v_function in
        select functions.oid::regprocedure
        from pg_catalog.pg_proc as functions
        where functions.pronamespace = 'public'::regnamespace
          and functions.proname in ('crm_sync_deliveries', 'crm_sync_row_status', 'crm_sync_redeliver', 'crm_sync_health')
    loop
        execute format('drop function %s', v_function);
    end loop;
    drop schema crm_sync cascade;
    foreach v_role in array array['crm_sync_reader', 'crm_sync_operator'] loop
        -- Roles are the server's: another of its databases, or somebody who was made a member, may still need them.
        if exists (
            select from pg_catalog.pg_auth_members as members
            where members.roleid = to_regrole(v_role) and members.member <> current_user::regrole
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
$$;
