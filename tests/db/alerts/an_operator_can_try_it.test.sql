begin;
set local search_path = public, extensions;
select plan(3);
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;
grant crm_sync_operator to current_user;
set local role crm_sync_operator;
create temp table asked as select * from crm_sync.test_alert('before the summer');
reset role;
select matches((select see from asked), '^select outcome, error from crm_sync.alert_messages where message_id = ', 'and is told where to look');
select is((select count(*)::int from net.http_request_queue where convert_from(body, 'UTF8')::jsonb -> 'notice' ->> 'alert' like 'test alert, asked for by %'), 1, 'it leaves at once');
select is((select note from crm_sync.operations where action = 'test_alert'), 'before the summer', 'and a line is left');

select * from finish();
rollback;
