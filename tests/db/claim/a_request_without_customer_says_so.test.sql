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

insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'submitted');
insert into payments (id, request_id, stripe_payment_intent_id) values ('40000000-0000-4000-8000-000000000001', null, 'pi_1');
set constraints all immediate;

select results_eq(
    $$select route, record ? 'customer', record ->> 'customer', record ->> 'has_succeeded_payment' from crm_sync.deliveries where captured_at >= now() order by 1$$,
    $$values ('payment_intent', true, null, null), ('request', true, null, 'false')$$, 'the key is there, its value null');

select * from finish();
rollback;
