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

create function pg_temp.complete() returns trigger language plpgsql as $$
begin
    update public.leads set source = 'completed' where id = new.id;
    return null;
end $$;
create trigger complete after insert on leads for each row execute function pg_temp.complete();
insert into leads (id, email, source) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test', 'as inserted');
set constraints all immediate;

select results_eq(
    $$select operation, status, record ->> 'source' from crm_sync.deliveries where captured_at >= now() order by delivery_id$$,
    $$values ('UPDATE', 'pending', null), ('INSERT', 'in_flight', 'completed')$$,
    'although the ledger saw the insert last');

select * from finish();
rollback;
