begin;
set local search_path = public, extensions;
select plan(4);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;
delete from crm_sync.faults;

alter table crm_sync.envelopes add constraint envelopes_are_broken check (false) not valid;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
select lives_ok('set constraints all immediate', 'the commit goes through');

select results_eq(
    'select place, sql_state, detail from crm_sync.faults',
    $$values ('dispatch at commit', '23514', null)$$, 'noted without a message that could quote a value');
select results_eq(
    $$select status, envelope_id, record from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('pending', null::uuid, null::jsonb)$$, 'the claim is undone');
select is_empty(
    $$select id from net.http_request_queue where url = 'http://functions.test/crm-sync'$$, 'so is the request');

select * from finish();
rollback;
