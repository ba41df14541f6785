-- Stand-in for supabase_vault 0.3.1: same table, view, functions, rights. Secrets are encrypted with pgcrypto and tied to
-- their row; the root key lies in the database (the original keeps it outside), so this hides nothing from the superuser.

create schema vault;
comment on schema vault is 'stand-in for supabase_vault 0.3.1';

create table stand_in.vault_root_key (key bytea not null);
insert into stand_in.vault_root_key values (extensions.gen_random_bytes(32));

create function vault._crypto_aead_det_noncegen()
returns bytea
language sql
immutable
as $$
    select extensions.gen_random_bytes(16);
$$;

create function vault._crypto_aead_det_encrypt(
    message bytea, additional bytea, key_id bigint, context bytea default 'pgsodium'::bytea, nonce bytea default null
)
returns bytea
language sql
immutable
security definer
set search_path = ''
as $$
    select extensions.hmac(message || additional || nonce, key, 'sha256')
        || extensions.encrypt_iv(message, key, nonce, 'aes-cbc/pad:pkcs')
    from stand_in.vault_root_key;
$$;

create function vault._crypto_aead_det_decrypt(
    message bytea, additional bytea, key_id bigint, context bytea default 'pgsodium'::bytea, nonce bytea default null
)
returns bytea
language plpgsql
immutable
security definer
set search_path = ''
as $$
declare
    v_key bytea := (select key from stand_in.vault_root_key);
    v_plain bytea := extensions.decrypt_iv(substr(message, 33), v_key, nonce, 'aes-cbc/pad:pkcs');
begin
    if extensions.hmac(v_plain || additional || nonce, v_key, 'sha256') <> substr(message, 1, 32) then
        raise exception using errcode = '22000', message = 'pgsodium_crypto_aead_det_decrypt_by_id: invalid ciphertext';
    end if;
    return v_plain;
end
$$;

create table vault.secrets (
    id uuid primary key default gen_random_uuid(),
    name text,
    description text not null default '',
    secret text not null,
    key_id uuid,
    nonce bytea default vault._crypto_aead_det_noncegen(),
    created_at timestamptz not null default current_timestamp,
    updated_at timestamptz not null default current_timestamp
);

create unique index secrets_name_idx on vault.secrets (name) where name is not null;

create view vault.decrypted_secrets as
select
    s.id,
    s.name,
    s.description,
    s.secret,
    convert_from(
        vault._crypto_aead_det_decrypt(
            message => decode(s.secret, 'base64'),
            additional => convert_to(s.id::text, 'utf8'),
            key_id => 0,
            context => 'pgsodium'::bytea,
            nonce => s.nonce
        ),
        'utf8'
    ) collate "C" as decrypted_secret,
    s.key_id,
    s.nonce,
    s.created_at,
    s.updated_at
from vault.secrets as s;

create function vault.create_secret(
    new_secret text, new_name text default null, new_description text default '', new_key_id uuid default null
)
returns uuid
language plpgsql
security definer
set search_path = ''
as $$
declare
    rec record;
begin
    insert into vault.secrets (secret, name, description)
    values (new_secret, new_name, new_description)
    returning * into rec;

    update vault.secrets as s
    set secret = encode(
        vault._crypto_aead_det_encrypt(
            message => convert_to(rec.secret, 'utf8'),
            additional => convert_to(s.id::text, 'utf8'),
            key_id => 0,
            context => 'pgsodium'::bytea,
            nonce => rec.nonce
        ),
        'base64'
    )
    where id = rec.id;
    return rec.id;
end
$$;

create function vault.update_secret(
    secret_id uuid,
    new_secret text default null,
    new_name text default null,
    new_description text default null,
    new_key_id uuid default null
)
returns void
language sql
security definer
set search_path = ''
as $$
    update vault.secrets as s
    set secret = coalesce(
            encode(
                vault._crypto_aead_det_encrypt(
                    message => convert_to(new_secret, 'utf8'),
                    additional => convert_to(s.id::text, 'utf8'),
                    key_id => 0,
                    context => 'pgsodium'::bytea,
                    nonce => s.nonce
                ),
                'base64'
            ),
            s.secret
        ),
        name = coalesce(new_name, s.name),
        description = coalesce(new_description, s.description),
        updated_at = now()
    where s.id = secret_id;
$$;

revoke execute on all functions in schema vault from public;
grant usage on schema vault to postgres with grant option;
grant select, delete on vault.secrets, vault.decrypted_secrets to postgres with grant option;
grant execute on function vault.create_secret, vault.update_secret, vault._crypto_aead_det_decrypt
    to postgres with grant option;
grant usage on schema vault to service_role;
grant select, delete on vault.secrets, vault.decrypted_secrets to service_role;
grant execute on function vault.create_secret, vault.update_secret, vault._crypto_aead_det_decrypt to service_role;

select stand_in.register_extension('supabase_vault', '0.3.1', 'vault');
