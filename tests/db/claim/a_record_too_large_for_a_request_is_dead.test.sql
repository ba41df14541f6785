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

insert into leads (id, email, source) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test', repeat('x', 60000));
insert into leads (id, email, source) values ('10000000-0000-4000-8000-000000000002', 'bob@example.test', repeat('x', 59000));
set constraints all immediate;

select results_eq(
    $$select row_id, status, last_error_code, finished_at is not null, attempt_count from crm_sync.deliveries where captured_at >= now() order by 1$$,
    $$values ('10000000-0000-4000-8000-000000000001', 'dead', 'too_large', true, 0),
             ('10000000-0000-4000-8000-000000000002', 'in_flight', null, false, 0)$$, 'it holds up nobody');

select * from finish();
rollback;
