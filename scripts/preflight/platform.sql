-- What start() and the migrations need, one row a check. Reads only; nothing is created or called.
with facts as (
    select current_setting('server_version_num')::int as version,
           (select string_to_array(substring(extversion from '^\d+\.\d+'), '.')::int[] from pg_catalog.pg_extension where extname = 'pg_cron') as pg_cron_number,
           (select string_to_array(substring(extversion from '^\d+\.\d+'), '.')::int[] from pg_catalog.pg_extension where extname = 'pg_net') as pg_net_number,
           (select extversion from pg_catalog.pg_extension where extname = 'pg_net') as pg_net,
           (select extversion from pg_catalog.pg_extension where extname = 'pg_cron') as pg_cron,
           (select views.oid from pg_catalog.pg_class as views join pg_catalog.pg_namespace as namespaces on namespaces.oid = views.relnamespace
            where namespaces.nspname = 'vault' and views.relname = 'decrypted_secrets') as vault,
           to_regnamespace('crm_sync') as ours,
           (select namespaces.nspname from pg_catalog.pg_extension join pg_catalog.pg_namespace as namespaces on namespaces.oid = extnamespace
            where extname = 'pgcrypto') as pgcrypto_in,
           (select roles.rolcreaterole or roles.rolsuper from pg_catalog.pg_roles as roles where roles.rolname = current_user) as creates_roles,
           (select roles.rolsuper from pg_catalog.pg_roles as roles where roles.rolname = current_user) as is_superuser
),
available as (
    select name from pg_catalog.pg_available_extensions
)
select checks.name as check, checks.level, checks.detail, checks.mend
from facts
cross join lateral (values
    ('postgres', case when version / 10000 between 15 and 17 then 'ok' else 'error' end,
     'Postgres ' || current_setting('server_version'), case when version / 10000 not between 15 and 17 then 'crm-sync runs on Postgres 15 to 17' end),
    ('pg_net', case when pg_net_number < array[0, 19] then 'error'
                    when pg_net is not null then 'ok' when exists (select from available where name = 'pg_net') then 'warning' else 'error' end,
     coalesce('pg_net ' || pg_net, 'pg_net is not enabled'),
     case when pg_net is null then 'create extension pg_net; (Database → Extensions)'
          when pg_net_number < array[0, 19] then 'alter extension pg_net update; start() needs net.wake(), which is there from 0.19 on' end),
    ('pg_cron', case when pg_cron_number < array[1, 5] then 'error'
                     when pg_cron is not null then 'ok' when exists (select from available where name = 'pg_cron') then 'warning' else 'error' end,
     coalesce('pg_cron ' || pg_cron, 'pg_cron is not enabled'),
     case when pg_cron is null then 'create extension pg_cron; (Database → Extensions)'
          when pg_cron_number < array[1, 5] then 'schedules by seconds need pg_cron 1.5: update it, or start(''* * * * *'')' end),
    ('vault', case when vault is not null then 'ok' else 'error' end,
     case when vault is not null then 'Vault is there' else 'no vault.decrypted_secrets' end,
     case when vault is null then 'create extension supabase_vault cascade;' end),
    ('pgcrypto', case when pgcrypto_in is null or pgcrypto_in = 'extensions' then 'ok' else 'error' end,
     case when pgcrypto_in is null then 'will be created in extensions' else 'pgcrypto in ' || pgcrypto_in end,
     case when pgcrypto_in <> 'extensions' then 'alter extension pgcrypto set schema extensions;' end),
    ('rights', case when creates_roles and has_database_privilege(current_database(), 'create') then 'ok' else 'error' end,
     format('connected as %s%s', current_user, case when is_superuser then ', a superuser' else '' end),
     case when not (creates_roles and has_database_privilege(current_database(), 'create'))
          then 'install as the owner of the database, who may create schemas and roles: postgres on Supabase' end),
    ('crm-sync', case when ours is null then 'ok' else 'warning' end,
     case when ours is null then 'not installed yet' else 'the schema crm_sync is there' end,
     case when ours is not null then 'what it says of itself: select * from crm_sync.health();' end)
) as checks (name, level, detail, mend);
