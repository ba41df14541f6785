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

create table public.lines (order_id uuid, line int, label text, primary key (order_id, line));
select crm_sync.attach('public.lines', 'lead', array['label'], $$'order:' || new.order_id$$);
insert into lines values
    ('50000000-0000-4000-8000-000000000001', 7, 'Câble'), ('50000000-0000-4000-8000-000000000001', 8, 'Prise'),
    ('50000000-0000-4000-8000-000000000002', 7, 'Gaine');
set constraints all immediate;
select results_eq(
    $$select row_id, status, record ->> 'label' from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('["50000000-0000-4000-8000-000000000001", 7]', 'in_flight', 'Câble'),
             ('["50000000-0000-4000-8000-000000000001", 8]', 'in_flight', 'Prise'),
             ('["50000000-0000-4000-8000-000000000002", 7]', 'in_flight', 'Gaine')$$,
    'each by all columns of its key');

select * from finish();
rollback;
