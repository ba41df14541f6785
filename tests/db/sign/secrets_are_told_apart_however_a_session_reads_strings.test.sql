begin;
set local search_path = public, extensions;
select plan(1);
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret(E' whsec_b2J2aW91c2x5\n whsec_LWZha2UtdGVz\twhsec_dC1zZWNyZXQ= ', 'crm_sync_signing_secret');
end
$$;
-- A session that reads \s in a plain string as s.
set local standard_conforming_strings = off;

select is(
    (crm_sync._function_access()).secrets, array['whsec_b2J2aW91c2x5', 'whsec_LWZha2UtdGVz', 'whsec_dC1zZWNyZXQ='],
    'at blanks, line ends and tabs');

select * from finish();
rollback;
