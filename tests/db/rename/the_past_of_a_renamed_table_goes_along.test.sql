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

create table bills (id int primary key, label text, created_at timestamptz not null default clock_timestamp());
select crm_sync.define_route('bill', 'event', 'monelec');
select crm_sync.attach('bills', 'bill', array['label'], $$'bill:' || new.id$$,
    p_condition => $$not crm_sync.has_fired('public.bills', new.id::text, 'bill')$$);
insert into bills values (1, 'one');
update crm_sync.deliveries set status = 'delivered', finished_at = now(), claimed_at = now() where route = 'bill';
alter table bills rename to invoices;
select from crm_sync.reattach();
select is((select table_name from crm_sync.deliveries where route = 'bill'), 'public.invoices', 'what has arrived goes along');
select is_empty($$select * from crm_sync.find_missing('invoices')$$, 'so nothing is missing, and nothing told twice');
update invoices set label = 'one, corrected';
select is((select count(*)::int from crm_sync.deliveries where route = 'bill'), 1, 'nor fired twice: has_fired() asks for the new name');
select results_eq(
    $$select step, detail from crm_sync.trace('invoices', '1') where step = 'captured'$$,
    $$values ('captured', 'INSERT of public.invoices 1')$$, 'and trace() tells of its rows');

select * from finish();
rollback;
