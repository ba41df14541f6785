-- The schema and what everything in it needs: one private schema, two roles without login, pgcrypto for HMAC.
-- Nothing in crm_sync is for PUBLIC, anon or authenticated; each file grants for its own objects at its bottom.

create schema crm_sync;
comment on schema crm_sync is
    'crm-sync: row changes in Postgres become calls to a CRM; nothing lost, nothing overtakes. Start at crm_sync.delivery_log.';

create schema if not exists extensions;
create extension if not exists pgcrypto with schema extensions;

do $$
begin
    if to_regprocedure('extensions.hmac(bytea, bytea, text)') is null then
        raise exception 'crm-sync needs pgcrypto in the schema "extensions"'
            using errcode = 'CS001', hint = 'alter extension pgcrypto set schema extensions';
    end if;
    if to_regrole('crm_sync_reader') is null then
        create role crm_sync_reader nologin;
    end if;
    if to_regrole('crm_sync_operator') is null then
        create role crm_sync_operator nologin;
    end if;
end
$$;

revoke all on schema crm_sync from public;
grant usage on schema crm_sync to crm_sync_reader, crm_sync_operator;
