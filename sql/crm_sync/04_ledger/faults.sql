-- What our own code could not do: a place, an SQLSTATE, a time. Written by the exception blocks of capture, dispatch and
-- tick, which must not fail the application; at most one row a minute for each place and SQLSTATE.

create table crm_sync.faults (
    fault_id    bigint       generated always as identity primary key,
    place       text         not null,
    sql_state   text         not null,
    detail      text,
    noticed_at  timestamptz  not null default clock_timestamp()
);

create index faults_newest_of_place_idx on crm_sync.faults (place, noticed_at);

alter table crm_sync.faults enable row level security;

create function crm_sync._note_fault(p_place text, p_sql_state text, p_message text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp set lock_timeout = '20ms'
as $$
begin
    insert into crm_sync.faults (place, sql_state, detail)
    select p_place, p_sql_state, crm_sync._harmless_message(p_sql_state, p_message)
    -- Under serializable whoever looks here fails another's commit.
    where current_setting('transaction_isolation') = 'serializable' or not exists (
        select from crm_sync.faults as known
        where known.place = p_place
          and known.noticed_at > clock_timestamp() - interval '1 minute'
          and known.sql_state = p_sql_state
    );
exception when others then
    raise log 'crm-sync: fault in % (SQLSTATE %) could not be stored (SQLSTATE %)', p_place, p_sql_state, sqlstate;
end;
$$;

create function crm_sync._harmless_message(p_sql_state text, p_message text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    -- Classes 42 (names, syntax, rights) and CS (ours) quote identifiers only; others may quote values of a row.
    select case when p_sql_state like '42%' or p_sql_state like 'CS%' then left(p_message, 500) end;
$$;

comment on table crm_sync.faults is 'Errors that our own code caught so that the application''s write did not fail. No personal data.';
comment on function crm_sync._note_fault(text, text, text) is 'Stores a caught error, never raises; at most one row a minute for each place and SQLSTATE, but under serializable.';
comment on function crm_sync._harmless_message(text, text) is 'The message where it can hold no value of a row, else null.';

revoke all on function crm_sync._note_fault(text, text, text), crm_sync._harmless_message(text, text) from public;

grant select on crm_sync.faults to crm_sync_reader, crm_sync_operator;

create policy readers_see_faults on crm_sync.faults
    for select to crm_sync_reader, crm_sync_operator using (true);
