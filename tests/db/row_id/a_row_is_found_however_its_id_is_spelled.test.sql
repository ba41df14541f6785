begin;
set local search_path = public, extensions;
select plan(11);
update crm_sync.settings set is_running = true;
delete from vault.secrets where name in ('crm_sync_function_url', 'crm_sync_signing_secret');
do $$
begin
    perform vault.create_secret('http://functions.test/crm-sync', 'crm_sync_function_url');
    perform vault.create_secret('whsec_b2J2aW91c2x5LWZha2UtdGVzdC1zZWNyZXQ=', 'crm_sync_signing_secret');
end
$$;

create table public.notes (id int primary key, body text, created_at timestamptz default now());
select crm_sync.attach('public.notes', 'lead', array['body'], $$'note:' || new.id$$);
create table public.lines (list text, line int, label text, primary key (list, line));
select crm_sync.attach('public.lines', 'lead', array['label'], $$'line:' || new.list$$);
insert into leads (id, email) values ('10000000-0000-4000-8000-00000000000a', 'ada@example.test');
insert into notes values (7, 'hello');
insert into lines values ('x', 1, 'Câble');

set local role authenticated;
set local request.jwt.claims = '{"sub": "ada", "app_metadata": {"role": "admin"}}';
create temp table listed as select row_id from public.crm_sync_deliveries('leads', '10000000-0000-4000-8000-00000000000A');
create temp table told as select public.crm_sync_row_status('notes', '007') as stands;
create temp table redelivered as select reason from public.crm_sync_redeliver(p_table => 'lines', p_row_id => '["x",1]');
reset role;
set local request.jwt.claims = '';
select results_eq('select row_id from listed', array['10000000-0000-4000-8000-00000000000a'], 'the dashboard lists it');
select results_eq('select stands from told', array['waiting: it is sent next'], 'and says how it stands');
select results_eq('select reason from redelivered', array['it is pending already'], 'and would send it again');

select is(crm_sync.row_status('lines', '["x",1]'), 'waiting: it is sent next', 'row_status()');
select is((select count(*)::int from crm_sync.trace('notes', ' 7')), 2, 'trace()');
select is((select routes from crm_sync.dry_run('leads', '{10000000-0000-4000-8000-00000000000A}')), array['lead'], 'dry_run()');
select is((select arguments ->> 'row_id' from crm_sync.operations where action = 'dry_run'), '10000000-0000-4000-8000-00000000000a', 'whose line names it as the ledger does');
select is((select count(*)::int from crm_sync.backfill('lead', array['7', '007'], p_table => 'notes')), 1, 'backfill() takes it once');
select results_eq(
    $$select distinct status from crm_sync.erase('leads', '10000000-0000-4000-8000-00000000000A')$$, array['cancelled'], 'erase(): a uuid in upper case');
select results_eq($$select distinct status from crm_sync.erase('notes', '007')$$, array['cancelled'], 'a number');
select results_eq($$select distinct status from crm_sync.erase('lines', '["x",1]')$$, array['cancelled'], 'a key of two columns');

select * from finish();
rollback;
