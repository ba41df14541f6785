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

insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'submitted');
set constraints all immediate;
insert into payments (id, request_id, stripe_session_id) values
    ('40000000-0000-4000-8000-000000000001', '20000000-0000-4000-8000-000000000001', 'cs_1');
select is(current_setting('crm_sync.session_posts'), '1', 'a commit that posts nothing counts no post');
select results_eq(
    $$select * from crm_sync.tick(clock_timestamp()) where step = 'dispatch'$$, $$values ('dispatch', 0)$$, 'and a tick no request');

select * from finish();
rollback;
