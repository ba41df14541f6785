begin;
set local search_path = public, extensions;
select plan(1);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

select cron.schedule('crm_sync_report', '0 6 * * *', 'select application.report()');
select crm_sync.start();
select crm_sync.stop();

select is((select array_agg(jobname) from cron.job where jobname like 'crm%'), array['crm_sync_report'], 'whatever its name begins with');

select * from finish();
rollback;
