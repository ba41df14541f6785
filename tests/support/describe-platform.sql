-- What a caller can see of the schemas net, cron and vault: one line a fact, equal on every server version.
-- Left out: functions of cron whose name begins with _ (the stand-in's own), and MAINTAIN, which Postgres 15 does not know.
with schemas as (
    select oid, nspname from pg_namespace where nspname in ('net', 'cron', 'vault')
),
roles as (
    select oid, rolname
    from pg_roles
    where rolname in ('postgres', 'anon', 'authenticated', 'service_role', 'authenticator', 'supabase_functions_admin')
),
facts as (
    select 'extension ' || extname || ' ' || extversion as fact
    from pg_extension
    where extname in ('pg_net', 'pg_cron', 'supabase_vault')

    union all
    select 'schema ' || nspname || ', owner ' || pg_get_userbyid(nspowner)
    from pg_namespace
    where oid in (select oid from schemas)

    union all
    select format(
        '%s %s %s.%s, owner %s',
        case relpersistence when 'u' then 'unlogged' else 'logged' end,
        case relkind when 'r' then 'table' when 'S' then 'sequence' when 'v' then 'view' end,
        nspname, relname, pg_get_userbyid(relowner))
        || case when relrowsecurity then ', row level security' else '' end
    from pg_class join schemas on schemas.oid = relnamespace
    where relkind in ('r', 'S', 'v')

    union all
    select format(
        'column %s.%s.%s %s %s%s', nspname, relname, to_char(attnum, 'fm00'), attname,
        format_type(atttypid, atttypmod), case when attnotnull then ' not null' else '' end
    ) || coalesce(' default ' || pg_get_expr(adbin, adrelid), '')
    from pg_attribute
    join pg_class on pg_class.oid = attrelid
    join schemas on schemas.oid = relnamespace
    left join pg_attrdef on adrelid = attrelid and adnum = attnum
    where relkind in ('r', 'v', 'c') and attnum > 0 and not attisdropped

    union all
    select 'index ' || indexdef
    from pg_indexes
    where schemaname in (select nspname from schemas)

    union all
    select format('constraint %s %s', conname, pg_get_constraintdef(pg_constraint.oid))
    from pg_constraint join schemas on schemas.oid = connamespace
    where contype <> 'n'

    union all
    select format('policy %s on %s %s using %s', policyname, tablename, cmd, qual)
    from pg_policies
    where schemaname in (select nspname from schemas)

    union all
    select format('trigger %s', pg_get_triggerdef(pg_trigger.oid))
    from pg_trigger
    join pg_class on pg_class.oid = tgrelid
    join schemas on schemas.oid = relnamespace
    where not tgisinternal

    union all
    select format(
        'function %s.%s(%s) returns %s, %s, owner %s%s%s', nspname, proname, pg_get_function_arguments(pg_proc.oid),
        pg_get_function_result(pg_proc.oid),
        case provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
        pg_get_userbyid(proowner),
        case when proisstrict then ', strict' else '' end,
        case when prosecdef and proname not like '\_%' then ', security definer' else '' end)
    from pg_proc join schemas on schemas.oid = pronamespace
    where not (nspname = 'cron' and proname like '\_%')

    union all
    select format('%s may use schema %s', rolname, nspname)
    from roles cross join schemas
    where has_schema_privilege(roles.oid, schemas.oid, 'usage')

    union all
    select format('%s may create in schema %s', rolname, nspname)
    from roles cross join schemas
    where has_schema_privilege(roles.oid, schemas.oid, 'create')

    union all
    select format('%s may %s %s.%s', rolname, string_agg(privilege, ', ' order by n), nspname, relname)
    from roles
    cross join pg_class
    join schemas on schemas.oid = relnamespace
    cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger'])
        with ordinality as privileges (privilege, n)
    where relkind in ('r', 'v') and has_table_privilege(roles.oid, pg_class.oid, privilege)
    group by rolname, nspname, relname

    union all
    select format('%s may %s %s.%s', rolname, string_agg(privilege, ', ' order by n), nspname, relname)
    from roles
    cross join pg_class
    join schemas on schemas.oid = relnamespace
    cross join unnest(array['select', 'usage', 'update']) with ordinality as privileges (privilege, n)
    where relkind = 'S' and has_sequence_privilege(roles.oid, pg_class.oid, privilege)
    group by rolname, nspname, relname

    union all
    select format('%s may execute %s', rolname, pg_proc.oid::regprocedure)
    from roles
    cross join pg_proc
    join schemas on schemas.oid = pronamespace
    where has_function_privilege(roles.oid, pg_proc.oid, 'execute')
        and not (nspname = 'cron' and proname like '\_%')
        and not (nspname = 'net' and rolname <> 'anon')
)
select fact from facts order by fact collate "C";
