begin;
set local search_path = public, extensions;
select plan(2);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

select is_empty($$select routes.route, fields.name from crm_sync.routes join crm_sync.attachments using (route)
      cross join lateral unnest(attachments.columns) as fields (name) where not test_record ? fields.name$$, 'of its columns');
select is_empty('select route from crm_sync.routes where test_record is null', 'every one of them');

select * from finish();
rollback;
