-- Standard Webhooks signatures (standardwebhooks.com, "Signature scheme"): HMAC-SHA256 over id.timestamp.body, base64.
-- pg_net sends exactly body::text, so that is what is signed; answers of the function are signed the same way.

create function crm_sync._signatures(p_id text, p_timestamp text, p_body text, p_secrets text[])
returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_signed     bytea := convert_to(p_id || '.' || p_timestamp || '.' || p_body, 'UTF8');
    v_signatures text[];
    v_secret     text;
    v_key        bytea;
begin
    -- One for each secret: during a rotation either side may know only the old or only the new one. An empty key is everybody's.
    foreach v_secret in array coalesce(p_secrets, '{}') loop
        v_key := decode(regexp_replace(v_secret, '^whsec_', ''), 'base64');
        continue when v_key = '';
        v_signatures := v_signatures || ('v1,' || encode(extensions.hmac(v_signed, v_key, 'sha256'), 'base64'));
    end loop;
    return array_to_string(v_signatures, ' ');
end;
$$;

create function crm_sync._is_signed_by_us(p_id text, p_timestamp text, p_signatures text, p_body text, p_secrets text[])
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(
        regexp_split_to_array(btrim(p_signatures), ' +')
        && regexp_split_to_array(crm_sync._signatures(p_id, p_timestamp, p_body, p_secrets), ' '),
        false);
end;
$$;

comment on function crm_sync._signatures(text, text, text, text[]) is 'The webhook-signature header: one v1 signature for each secret, separated by spaces.';
comment on function crm_sync._is_signed_by_us(text, text, text, text, text[]) is 'Whether one of the signatures was made with one of the secrets.';

revoke all on function crm_sync._signatures(text, text, text, text[]),
    crm_sync._is_signed_by_us(text, text, text, text, text[]) from public;
