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

update crm_sync.settings set max_envelope_deliveries = 2;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000003', 'eve@example.test');
set constraints all immediate;
select is(
    (select array_agg(status order by delivery_id) from crm_sync.deliveries where captured_at >= now()),
    array['in_flight', 'in_flight', 'pending'], 'the commit sends one envelope to a destination');
select is((select count(*)::int from crm_sync.envelopes where dispatched_at >= now()), 1, 'however many of its rows it looks at');

select * from finish();
rollback;
