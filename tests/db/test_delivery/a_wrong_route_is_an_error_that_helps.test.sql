begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

select throws_ok($$select crm_sync.test_delivery('leed')$$, 'CS002', 'crm-sync knows no route "leed"', 'unknown');
update crm_sync.routes set test_record = null where route = 'lead';
select throws_ok($$select crm_sync.test_delivery('lead')$$, 'CS027', 'route "lead" has no test record', 'without a record');
select crm_sync.pause('elementor');
select is((select destination_state from crm_sync.test_delivery('order_confirmation')), 'paused', 'one that must wait says so');

select * from finish();
rollback;
