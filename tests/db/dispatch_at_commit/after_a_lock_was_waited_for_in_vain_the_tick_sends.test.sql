begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

create function pg_temp.fail() returns trigger language plpgsql as $$
begin
    raise exception using errcode = tg_argv[0];
end $$;
create trigger fail before insert on crm_sync.envelopes for each statement execute function pg_temp.fail('P0001');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
set constraints all immediate;
drop trigger fail on crm_sync.envelopes;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000002', 'bob@example.test');
select is(
    (select status from crm_sync.deliveries where captured_at >= now() and row_id like '%2'), 'in_flight', 'after any other failure the next statement is dispatched');

create trigger fail before insert on crm_sync.envelopes for each statement execute function pg_temp.fail('55P03');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000003', 'eve@example.test');
drop trigger fail on crm_sync.envelopes;
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000004', 'dan@example.test');
select is(
    (select array_agg(status order by delivery_id) from crm_sync.deliveries where captured_at >= now() and row_id ~ '[34]$'),
    array['pending', 'pending'], 'who has waited for a lock once waits for no other');
select crm_sync.tick(clock_timestamp());
select is(
    (select array_agg(status order by delivery_id) from crm_sync.deliveries where captured_at >= now() and row_id ~ '[34]$'),
    array['in_flight', 'in_flight'], 'nor does it have to');

select * from finish();
rollback;
