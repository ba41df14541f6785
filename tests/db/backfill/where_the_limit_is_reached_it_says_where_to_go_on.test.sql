begin;
set local search_path = public, extensions;
select plan(5);
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
insert into leads (id, email, updated_at)
select ('10000000-0000-4000-8000-00000000000' || n)::uuid, 'ada@example.test', timestamptz '2040-01-02 00:00:00.000001' from generate_series(4, 6) as n;
create function pg_temp.goes_on_at()
returns timestamptz
language sql
as $$
    select (operations.arguments ->> 'goes_on_at')::timestamptz from crm_sync.operations order by operations.operation_id desc limit 1;
$$;
create function pg_temp.captured_by(p_since timestamptz, p_limit int)
returns text[]
language plpgsql
as $$
declare
    v_ids bigint[] := array(select crm_sync.backfill('lead', p_since => p_since, p_limit => p_limit));
begin
    return (select array_agg(right(row_id, 1) order by right(row_id, 1)) from crm_sync.deliveries where delivery_id = any (v_ids));
end;
$$;

select is(pg_temp.captured_by('2040-01-01', 2), array['1', '4', '5', '6'], 'the oldest of both tables; those of one time stay together');
select is(pg_temp.goes_on_at(), '2040-01-03', 'its line says where it goes on: at the first that is left');
select is(pg_temp.captured_by(pg_temp.goes_on_at(), 2), array['2', '3'], 'there each of the rest is taken, none twice');
select is(pg_temp.goes_on_at(), null, 'and no more are left');
select is(pg_temp.captured_by('2040-01-01', null), array['1', '2', '3', '4', '5', '6'], 'without a limit: all');

select * from finish();
rollback;
