-- It gets an index and then a policy: locked in two steps, a writer that reads it in between and this would wait for each other.
-- In a block, as the Supabase CLI opens no transaction of its own.
do $$ begin lock table crm_sync.envelopes in access exclusive mode; end $$;

-- The jobs are a table now, with what each does: _wanted_jobs().
drop function if exists crm_sync._jobs();

-- A person's rows are told apart from rows that told of them once: _people(). A missed change is found by its row's place.
drop function if exists crm_sync._person_rows(text, text), crm_sync._erase_missed(regclass, text);

-- A parameter that nobody read.
drop function if exists
    crm_sync._capture_related(timestamptz), crm_sync._check_platform(timestamptz), crm_sync._check_secrets(timestamptz),
    crm_sync._check_pg_net_worker(timestamptz), crm_sync._check_cron_jobs(timestamptz), crm_sync._check_cron_history(timestamptz, int),
    crm_sync._check_signature(timestamptz), crm_sync._check_paused(timestamptz), crm_sync._check_dead_letters(timestamptz),
    crm_sync._check_triggers(timestamptz), crm_sync._check_columns(timestamptz), crm_sync._check_unstored_changes(timestamptz),
    crm_sync._check_restored_copy(timestamptz);

-- Which rows a backfill takes is asked with the route's condition: _rows_that_fire_sql().
drop function if exists crm_sync._rows_changed_since(text, timestamptz, int);

-- It may be told of which table.
drop function if exists crm_sync.backfill(text, text[], timestamptz, int, text);

-- It also finds what nobody can decide.
drop function if exists crm_sync._missing_sql(crm_sync.attachments);

-- A row that was never updated changed when it was created: two columns may tell.
drop function if exists crm_sync._changed_at_column(regclass);

-- All of a person's rows at once: _erase_uncaptured().
drop function if exists crm_sync._erase_waiting(text, text);

-- Whom capture = 'off' or an origin left out is left out also of what capture could not write.
-- instead of: create table crm_sync.capture_failures (
alter table crm_sync.capture_failures
    add column if not exists left_out text[], add column if not exists left_out_as text,
    -- And it knows its table again, whatever that is called by then.
    add column if not exists table_oid oid;
drop function if exists crm_sync._capture_failed(text, text, jsonb, jsonb, text[], text, text);

-- It says what it drops: _drop_idle().
drop function if exists crm_sync._take_off(text);
