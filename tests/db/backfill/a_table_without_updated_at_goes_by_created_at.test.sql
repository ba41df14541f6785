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

create table public.notes (id int primary key, created_at timestamptz not null, body text);
select crm_sync.attach('public.notes', 'lead', array['body'], $$'note:' || new.id$$);
insert into public.notes select n, timestamptz '2040-01-01' + n * interval '1 day', 'hello' from generate_series(1, 3) as n;
delete from crm_sync.deliveries where captured_at >= now();
select crm_sync.backfill('lead', p_since => '2040-01-03');
select is(
    (select array_agg(row_id order by row_id) from crm_sync.deliveries where captured_at >= now() and table_name = 'public.notes'), array['2', '3'], 'since then');

alter table public.notes drop column created_at;
select throws_ok(
    $$select crm_sync.backfill('lead', p_since => '2040-01-03')$$, 'CS022', 'public.notes has neither updated_at nor created_at', 'without either the rows must be named');

select * from finish();
rollback;
