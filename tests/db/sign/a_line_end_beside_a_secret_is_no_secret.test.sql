begin;
set local search_path = public, extensions;
select plan(3);
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret(E'\thttp://functions.test/crm-sync\n', 'crm_sync_function_url');
    perform vault.create_secret(E'\nwhsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=\r\n', 'crm_sync_signing_secret');
end
$$;

select is(
    crm_sync._function_access(),
    row('http://functions.test/crm-sync', array['whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ='])::crm_sync.function_access,
    'nor part of a URL');
select vault.update_secret(id, E' \n\t') from vault.secrets where name like 'crm\_sync\_%';
select throws_ok('select crm_sync._required_function_access()', 'CS010', 'Vault holds no crm_sync_function_url', 'and alone it is nothing');

-- PUBLIC may write answers: what anybody can sign is not ours.
select is(
    crm_sync._is_signed_by_us('id', '1', signed.by_nothing, 'body', array['', 'whsec_', 'whsec_b2J2aW91c2x5']), false,
    'nobody signs with an empty key')
from (select 'v1,' || encode(extensions.hmac('id.1.body'::bytea, ''::bytea, 'sha256'), 'base64') as by_nothing) as signed;

select * from finish();
rollback;
