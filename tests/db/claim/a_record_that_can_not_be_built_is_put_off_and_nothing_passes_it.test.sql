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

insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'submitted');
insert into payments (id, request_id, stripe_session_id) values ('40000000-0000-4000-8000-000000000001', '20000000-0000-4000-8000-000000000001', 'cs_1');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
create temp table built as select pg_get_functiondef('crm_sync._record__requests__request'::regproc) as definition;
drop function crm_sync._record__requests__request(bigint[]);
select crm_sync.tick('2030-01-01 00:00:00+00');

select results_eq(
    $$select route, status, next_attempt_at > '2030-01-01', last_error_code, attempt_count, claimed_at is not null
      from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('request', 'pending', true, 'record_not_built', 0, false), ('payment_session', 'pending', false, null, 0, false),
             ('lead', 'in_flight', false, null, 0, true)$$,
    'put off for a minute, its key with it; other keys leave');
select ok(
    (select next_attempt_at between '2030-01-01 00:00:30+00' and '2030-01-01 00:01:30+00'
     from crm_sync.deliveries where route = 'request' and captured_at >= now()),
    'a minute, more or less: several that can not be read meet others each time');
select results_eq(
    'select place, sql_state from crm_sync.faults', $$values ('record of request from public.requests', '42883')$$, 'the fault names route and table');

do $$ begin execute (select definition from built); end $$;
select crm_sync.tick('2030-01-01 00:01:30+00');
select results_eq(
    $$select route, status, last_error_code from crm_sync.deliveries where captured_at >= now() and ordering_key like 'request:%' order by delivery_id$$,
    $$values ('request', 'in_flight', 'record_not_built'), ('payment_session', 'in_flight', null)$$, 'once mended both leave, in order');

select * from finish();
rollback;
