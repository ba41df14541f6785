-- Every table that an application may have made, with what attach() and a proposal need to know of it. Reads the catalog only.
select classes.oid::int as oid,
       namespaces.nspname as schema,
       classes.relname as name,
       format('%I.%I', namespaces.nspname, classes.relname) as qualified,
       classes.relispartition as is_partition,
       case when classes.relkind = 'r' then greatest(classes.reltuples, 0)::float8 end as about_rows,
       has_table_privilege(classes.oid, 'select') as can_read,
       has_table_privilege(classes.oid, 'trigger') as can_attach,
       (
           select coalesce(jsonb_agg(jsonb_build_object('name', attributes.attname, 'type', format_type(types.oid, null), 'category', types.typcategory,
                                       'labels', (select jsonb_agg(labels.enumlabel order by labels.enumsortorder) from pg_catalog.pg_enum as labels where labels.enumtypid = types.oid))
                                     order by attributes.attnum), '[]')
           from pg_catalog.pg_attribute as attributes
           join pg_catalog.pg_type as types on types.oid = attributes.atttypid
           where attributes.attrelid = classes.oid and attributes.attnum > 0 and not attributes.attisdropped
       ) as columns,
       (
           select coalesce(jsonb_agg(attributes.attname order by array_position(keys.indkey::int2[], attributes.attnum)), '[]')
           from pg_catalog.pg_index as keys
           join pg_catalog.pg_attribute as attributes on attributes.attrelid = keys.indrelid and attributes.attnum = any (keys.indkey::int2[])
           where keys.indrelid = classes.oid and keys.indisprimary
       ) as primary_key,
       (
           select coalesce(jsonb_agg(jsonb_build_object('column', attributes.attname, 'target', keys.confrelid::int) order by attributes.attnum), '[]')
           from pg_catalog.pg_constraint as keys
           join pg_catalog.pg_attribute as attributes on attributes.attrelid = keys.conrelid and attributes.attnum = keys.conkey[1]
           where keys.conrelid = classes.oid and keys.contype = 'f' and cardinality(keys.conkey) = 1
       ) as foreign_keys,
       (
           select coalesce(jsonb_agg(jsonb_build_object(
                      'name', triggers.tgname,
                      'calls', functions.oid::regproc::text,
                      -- A Database Webhook of Supabase, or one made by hand.
                      'posts', functions.pronamespace = to_regnamespace('supabase_functions') or functions.prosrc ~ '\mnet\.http_',
                      'is_off', triggers.tgenabled = 'D',
                      'is_ours', functions.pronamespace = to_regnamespace('crm_sync'))
                  order by triggers.tgname), '[]')
           from pg_catalog.pg_trigger as triggers
           join pg_catalog.pg_proc as functions on functions.oid = triggers.tgfoid
           where triggers.tgrelid = classes.oid and not triggers.tgisinternal
       ) as triggers
from pg_catalog.pg_class as classes
join pg_catalog.pg_namespace as namespaces on namespaces.oid = classes.relnamespace
where classes.relkind in ('r', 'p')
  and namespaces.nspname not in ('pg_catalog', 'information_schema', 'crm_sync', 'auth', 'storage', 'realtime', 'vault', 'net', 'cron',
                                 'extensions', 'supabase_functions', 'supabase_migrations', 'graphql', 'graphql_public', 'pgsodium')
  and namespaces.nspname !~ '^pg_'
order by namespaces.nspname <> 'public', namespaces.nspname, classes.relname;
