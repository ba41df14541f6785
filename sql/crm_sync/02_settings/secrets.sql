-- What Vault holds for us: where to post, and the signing secrets. Read once per dispatch, never stored elsewhere.
-- No secret ever stands in a header, a URL or a body: PUBLIC may read net.http_request_queue.

create function crm_sync._secret(p_name text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select nullif(btrim(secrets.decrypted_secret), '')
        from vault.decrypted_secrets as secrets
        where secrets.name = p_name
    );
end;
$$;

create function crm_sync._function_url()
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return crm_sync._secret('crm_sync_function_url');
end;
$$;

create function crm_sync._signing_secrets()
returns text[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return regexp_split_to_array(crm_sync._secret('crm_sync_signing_secret'), '\s+');
end;
$$;

comment on function crm_sync._secret(text) is 'A value from Vault, null when absent or blank. Caller needs select on vault.decrypted_secrets.';
comment on function crm_sync._function_url() is 'Vault secret crm_sync_function_url: where envelopes are posted.';
comment on function crm_sync._signing_secrets() is
    'Vault secret crm_sync_signing_secret: one or several whsec_… separated by spaces, all of them valid during a rotation.';

revoke all on function crm_sync._secret(text), crm_sync._function_url(), crm_sync._signing_secrets() from public;
