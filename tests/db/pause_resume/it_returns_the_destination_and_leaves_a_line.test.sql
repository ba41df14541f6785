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

select results_eq(
    $$select destination, is_paused from crm_sync.pause('monelec', 'receiver is being moved')$$, $$values ('monelec', true)$$, 'paused');
select results_eq($$select destination, is_paused from crm_sync.resume('monelec')$$, $$values ('monelec', false)$$, 'resumed');
select results_eq(
    $$select operator = session_user, action, arguments, affected_count, note from crm_sync.operations where operated_at >= now() order by operation_id$$,
    $$values (true, 'pause', '{"destination": "monelec"}'::jsonb, 1, 'receiver is being moved'),
             (true, 'resume', '{"destination": "monelec"}', 1, null)$$, 'who, what, how many and why');

select * from finish();
rollback;
