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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into orders (id, status) values ('50000000-0000-4000-8000-000000000001', 'confirmed');
set constraints all immediate;
update crm_sync.envelopes set lease_until = now() - interval '1 second' where destination = 'monelec' and dispatched_at >= now();
update crm_sync.settings set is_running = false;
select crm_sync.tick(now());
select results_eq(
    $$select destination, status from crm_sync.envelopes where dispatched_at >= now() order by destination$$,
    $$values ('elementor', 'in_flight'), ('monelec', 'taken_back')$$, 'one envelope of two');
select results_eq(
    $$select destination, status, attempt_count from crm_sync.deliveries where captured_at >= now() order by destination$$,
    $$values ('elementor', 'in_flight', 0), ('monelec', 'pending', 0)$$, 'and its delivery');

select is(
    (select cardinality(crm_sync._take_back(envelope_id, now())) from crm_sync.envelopes where destination = 'monelec' and dispatched_at >= now()),
    0, 'what the queue does not hold can not be taken back');
delete from net.http_request_queue;
select crm_sync._take_back(envelope_id, now()) from crm_sync.envelopes where destination = 'elementor' and dispatched_at >= now();
select is(
    (select status from crm_sync.envelopes where destination = 'elementor' and dispatched_at >= now()), 'in_flight', 'its answer is on the way');

select * from finish();
rollback;
