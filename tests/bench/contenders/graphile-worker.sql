-- One job for each row, made by a row-level trigger in the same transaction, as graphile-worker's documentation shows it.
-- Without a queue name: jobs of one row may overtake each other, which is faster than what ours promises.

create or replace function bench.add_job()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform bench_graphile_worker.add_job('post_row', json_build_object(
        'url', tg_argv[0],
        'type', tg_op,
        'schema', tg_table_schema,
        'table', tg_table_name,
        'record', row_to_json(new),
        'old_record', case when tg_op = 'UPDATE' then row_to_json(old) end
    ));
    return null;
end
$$;

create trigger add_job
after insert or update on bench.graphile_worker
for each row
execute function bench.add_job(:url);
