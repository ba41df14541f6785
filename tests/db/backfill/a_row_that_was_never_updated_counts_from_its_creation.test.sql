begin;
set local search_path = public, extensions;
select plan(3);
update crm_sync.settings set is_running = false;

create table notes (id int primary key, body text, created_at timestamp not null, updated_at timestamptz);
select crm_sync.attach('notes', 'lead', '{body}', $$'note:' || new.id$$);
insert into notes values (1, 'never updated', '2040-01-01', null), (2, 'updated', '2030-01-01', '2040-01-02'),
                         (3, 'never updated', '2040-01-03', null), (4, 'updated since', '2040-01-01', '2040-01-04');
create function pg_temp.captured_by(p_since timestamptz, p_limit int)
returns text[]
language plpgsql
as $$
declare
    v_ids bigint[] := array(select crm_sync.backfill('lead', p_since => p_since, p_limit => p_limit));
begin
    return (select array_agg(row_id order by row_id) from crm_sync.deliveries where delivery_id = any (v_ids));
end;
$$;
select is(pg_temp.captured_by('2040-01-01', 3), array['1', '2', '3'], 'the oldest by whichever time counts');
select is(
    (select (operations.arguments ->> 'goes_on_at')::timestamptz from crm_sync.operations order by operations.operation_id desc limit 1),
    '2040-01-04', 'from where the rest is taken');
select is(pg_temp.captured_by('2040-01-02', null), array['2', '3', '4'], 'none twice, and none that was created before');

select * from finish();
rollback;
