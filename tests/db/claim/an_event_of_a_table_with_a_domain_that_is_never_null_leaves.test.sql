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

create domain tenant as text not null default 'main';
create domain subtenant as tenant;
create table visits (id int primary key, label text, tenant tenant, subtenant subtenant, amount numeric(8, 2));
select crm_sync.attach('visits', 'order_confirmation', array['label', 'amount'], $$'visit:' || new.id$$,
    p_joined => $$jsonb_build_object('seen', this.label, 'whose', this.tenant)$$);
insert into visits values (1, 'a', 'x', 'y', 10);
select from crm_sync.tick();
select results_eq(
    $$select status, record from crm_sync.deliveries where captured_at >= now()$$,
    $$values ('in_flight', '{"id": 1, "label": "a", "amount": 10.00, "seen": "a", "whose": null}'::jsonb)$$,
    'a column that its record does not have, and that may not be null, keeps no event back');
select is_empty($$select from crm_sync.faults$$, 'nobody is troubled');

select * from finish();
rollback;
