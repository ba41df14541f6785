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
update crm_sync.settings set max_posts_per_session = 2;
select set_config('crm_sync.session_posts', '', true);

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
set constraints all immediate;
set constraints all deferred;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
set constraints all immediate;
set constraints all deferred;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000003', 'eve@example.test');
set constraints all immediate;

select results_eq(
    $$select row_id, status from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('10000000-0000-4000-8000-000000000001', 'in_flight'), ('10000000-0000-4000-8000-000000000002', 'in_flight'),
             ('10000000-0000-4000-8000-000000000003', 'pending')$$,
    'what follows is left to the tick, which has a session of its own');
select is(current_setting('crm_sync.session_posts'), '2', 'counted for the session');

select * from finish();
rollback;
