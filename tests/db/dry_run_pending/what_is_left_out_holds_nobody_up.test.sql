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

insert into leads (id, email, lastname) values ('10000000-0000-4000-8000-000000000001', 'ada@example.test', '');
set local crm_sync.capture = 'off';
set local timezone = 'UTC';
create function pg_temp.asked_at_size(p_bytes int)
returns text
language plpgsql
as $$
declare
    v_id bigint := (select delivery_id from crm_sync.deliveries where status = 'pending');
    v_rest int;
begin
    update leads set lastname = '';
    select p_bytes - octet_length(crm_sync._dry_delivery(deliveries, built.record, built.ordering_key)::text) into v_rest
    from crm_sync._build_records(array[v_id]) as built
    join crm_sync.deliveries on deliveries.delivery_id = built.delivery_id;
    update leads set lastname = repeat('x', v_rest);
    return (select format('%s asked about, goes on behind it: %s', delivery_count, last_delivery_id = v_id) from crm_sync.dry_run_pending());
end;
$$;

select is(pg_temp.asked_at_size(59997), '1 asked about, goes on behind it: t', 'the largest that is asked about');
select is(pg_temp.asked_at_size(59998), '0 asked about, goes on behind it: t', 'one byte more is left out');
select is(pg_temp.asked_at_size(59999), '0 asked about, goes on behind it: t', 'and another');
select is(pg_temp.asked_at_size(60000), '0 asked about, goes on behind it: t', 'and any');

select * from finish();
rollback;
