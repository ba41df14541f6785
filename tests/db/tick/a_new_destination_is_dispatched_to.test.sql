begin;
set local search_path = public, extensions;
select plan(2);
select vault.create_secret('https://fake.example/crm-sync', 'crm_sync_function_url');
select vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
update crm_sync.settings set is_running = true;

insert into crm_sync.destinations (destination) values ('newsletter');
update crm_sync.routes set destination = 'newsletter' where route = 'lead';
select crm_sync.reattach();
insert into leads (email) values ('ada@example.test');
update crm_sync.deliveries set dispatch_at_commit = false;
select results_eq(
    $$select * from crm_sync.tick() where step = 'dispatch'$$, $$values ('dispatch', 1)$$,
    'nobody had to know that it needs a breaker');
select is((select destination from crm_sync.envelopes), 'newsletter', 'and it is the one that is called');

select * from finish();
rollback;
