-- What Vault holds for us: where to post, and the signing secrets. Read once per dispatch, never stored elsewhere.
-- No secret ever stands in a header, a URL or a body: PUBLIC may read net.http_request_queue.

create type crm_sync.function_access as (
    url      text,
    secrets  text[]
);

comment on type crm_sync.function_access is 'Where the Edge Function is, and what requests to it are signed with. Lives in variables only.';

create function crm_sync._function_access()
returns crm_sync.function_access
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select row(
            max(secrets.value) filter (where secrets.name = 'crm_sync_function_url'),
            regexp_split_to_array(max(secrets.value) filter (where secrets.name = 'crm_sync_signing_secret'), '[[:space:]]+')
        )::crm_sync.function_access
        from (
            select decrypted.name, nullif(btrim(decrypted.decrypted_secret, e' \t\n\r'), '') as value
            from vault.decrypted_secrets as decrypted
            where decrypted.name in ('crm_sync_function_url', 'crm_sync_signing_secret')
        ) as secrets
    );
end;
$$;

create function crm_sync._required_function_access()
returns crm_sync.function_access
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_function crm_sync.function_access := crm_sync._function_access();
begin
    if v_function.url is null or v_function.secrets is null then
        raise exception 'Vault holds no %', case when v_function.url is null then 'crm_sync_function_url' else 'crm_sync_signing_secret' end
            using errcode = 'CS010', hint = 'select vault.create_secret(''…'', ''crm_sync_…''); deliveries wait until then.';
    end if;
    return v_function;
end;
$$;

comment on function crm_sync._function_access() is
    'From Vault: crm_sync_function_url, where envelopes are posted; crm_sync_signing_secret, one or several whsec_… separated by spaces, all of them valid during a rotation. Null where absent or blank. Caller needs select on vault.decrypted_secrets.';
comment on function crm_sync._required_function_access() is 'The same, or CS010: Vault is not set up.';

revoke all on function crm_sync._function_access(), crm_sync._required_function_access() from public;
