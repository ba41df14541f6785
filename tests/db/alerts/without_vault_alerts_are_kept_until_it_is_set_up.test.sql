begin;
set local search_path = public, extensions;
select plan(3);
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
select results_eq($$ select step, affected is null from crm_sync.alert(now()) $$,
    $$ values ('answers', false), ('alerts', false), ('messages', true), ('heartbeat', false) $$, 'one step fails alone');
select matches((select text from crm_sync.alert_messages), 'error secrets: crm_sync_function_url is missing', 'the message waits');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;
select crm_sync.alert(now() + '1 minute');
select is((select min(post_count) from crm_sync.alert_messages), 1, 'and goes');

select * from finish();
rollback;
