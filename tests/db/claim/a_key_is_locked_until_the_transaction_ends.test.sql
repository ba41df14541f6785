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

insert into leads (id, email) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test');
insert into orders (id, quantity, status) values ('50000000-0000-4000-8000-000000000001', 1, 'confirmed');
set constraints all immediate;
select set_eq(
    $$select classid::bigint, objid::bigint from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()$$,
    $$values (1129467219, (hashtext('monelec lead:10000000-0000-4000-8000-000000000001') & 1023)::bigint),
             (1129467219, (hashtext('elementor order:50000000-0000-4000-8000-000000000001') & 1023)::bigint)$$,
    'one of 1,024 locks for each key of a destination');

select * from finish();
rollback;
