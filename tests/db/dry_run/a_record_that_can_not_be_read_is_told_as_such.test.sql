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

insert into requests (id, status) values ('20000000-0000-4000-8000-000000000001', 'submitted');
insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
alter table customers rename to people;
select throws_ok(
    $$select crm_sync.dry_run('requests', '20000000-0000-4000-8000-000000000001')$$, 'CS047',
    'row 20000000-0000-4000-8000-000000000001 of public.requests fires route request, but its record could not be read: SQLSTATE 42P01: relation "public.customers" does not exist',
    'a joined table that is gone');
select crm_sync.attach('leads', 'lead', array['email'], $$'lead:' || new.id$$, p_joined => $$jsonb_build_object('number', this.email::int)$$);
select throws_ok(
    $$select crm_sync.dry_run_request('leads', '10000000-0000-4000-8000-000000000001')$$, 'CS047',
    'row 10000000-0000-4000-8000-000000000001 of public.leads fires route lead, but its record could not be read: SQLSTATE 22P02',
    'without the value that it could not read');
select is_empty($$select from crm_sync.faults$$, 'and nothing of it stays');
select is_empty($$select from net.http_request_queue where body is not null$$, 'nobody is asked');

select * from finish();
rollback;
