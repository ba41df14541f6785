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

insert into crm_sync.destinations (destination) values ('monelec_archive');
insert into crm_sync.breakers (breaker) values ('monelec_archive') on conflict do nothing;
insert into crm_sync.deliveries (route, destination, table_name, row_id, operation, ordering_key, dispatch_at_commit, record, claimed_at)
select 'lead', destination, 'public.leads', '1', 'INSERT', 'x:1', true, '{}', now()
from unnest(array['monelec_archive', 'monelec']) as destination;
set constraints all immediate;
select is((select count(*)::int from crm_sync.deliveries where status = 'in_flight'), 2, 'at this commit');

select * from finish();
rollback;
