-- What the tests add to a database to watch the ledger and to move it in time. Installed as the superuser; nothing of
-- crm_sync knows of it.

create schema chaos;

-- Every change of a delivery that the state machine must know, or that must never happen.
create table chaos.audited (
    audit_id     bigint generated always as identity primary key,
    delivery_id  bigint not null,
    old_status   text,
    new_status   text not null,
    violation    text
);

create function chaos.audit()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into chaos.audited (delivery_id, old_status, new_status, violation)
    select new.delivery_id, case when tg_op = 'UPDATE' then old.status end, new.status,
           case
               when tg_op = 'INSERT' and new.status <> 'pending' then 'captured as ' || new.status
               when tg_op = 'INSERT' then null
               when old.status <> new.status and (old.status, new.status) not in (
                   ('pending', 'in_flight'), ('pending', 'superseded'), ('pending', 'cancelled'), ('pending', 'dead'),
                   ('in_flight', 'pending'), ('in_flight', 'delivered'), ('in_flight', 'dead'),
                   ('dead', 'pending'), ('dead', 'superseded'), ('dead', 'cancelled'),
                   ('cancelled', 'pending')
               ) then 'forbidden transition'
               when (old.idempotency_key, old.route, old.destination, old.table_name, old.row_id, old.captured_at)
                    <> (new.idempotency_key, new.route, new.destination, new.table_name, new.row_id, new.captured_at)
                   then 'identity changed'
               when old.ordering_key <> new.ordering_key and (old.claimed_at is not null or new.claimed_at is not null)
                   then 'moved to another key after the first claim'
               when old.claimed_at is not null and new.claimed_at is not null
                    and new.record is not null and new.record is distinct from old.record
                   then 'record changed after the first claim'
               when new.status = 'in_flight' and old.status = 'pending' and new.record is null then 'in flight without a record'
               when new.status = 'in_flight' and old.status = 'in_flight' and new.envelope_id <> old.envelope_id
                   then 'claimed twice'
           end
    where tg_op = 'INSERT' or old.status <> new.status
       or (old.idempotency_key, old.ordering_key, old.record, old.envelope_id)
          is distinct from (new.idempotency_key, new.ordering_key, new.record, new.envelope_id);
    return null;
end;
$$;

create trigger chaos_audit
after insert or update on crm_sync.deliveries
for each row execute function chaos.audit();

-- A fault that a test may switch on: the ledger refuses what capture writes.
create table chaos.faults (ledger_refuses boolean not null);
insert into chaos.faults values (false);

create function chaos.refuse()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if (select faults.ledger_refuses from chaos.faults) then
        raise exception 'made to fail' using errcode = '53100';
    end if;
    return null;
end;
$$;

create trigger chaos_refuse
before insert on crm_sync.deliveries
for each statement execute function chaos.refuse();

-- Time passes for the ledger by moving its stamps into the past: the clock itself, which the code reads, cannot be moved.
-- Rows that a session holds locked stay behind, as if written later; captured_at is part of what a receiver is told.
create function chaos.travel(p_by interval)
returns void
language plpgsql
set session_replication_role = replica
as $$
declare
    v_table   record;
    v_minutes crm_sync.breaker_minutes[];
begin
    for v_table in
        select columns.table_schema, columns.table_name,
               string_agg(format('%1$I = %1$I - $1', columns.column_name), ', ') as moved
        from information_schema.columns
        join information_schema.tables using (table_schema, table_name)
        where columns.table_schema in ('crm_sync', 'public')
          and columns.data_type = 'timestamp with time zone'
          and tables.table_type = 'BASE TABLE'
          and columns.column_name not in ('captured_at', 'minute')
        group by columns.table_schema, columns.table_name
    loop
        execute format(
            'update %1$I.%2$I set %3$s where ctid = any (array(select ctid from %1$I.%2$I for update skip locked))',
            v_table.table_schema, v_table.table_name, v_table.moved
        ) using p_by;
    end loop;
    -- Part of a key: two rows must not meet on the way.
    v_minutes := array(select breaker_minutes from crm_sync.breaker_minutes);
    delete from crm_sync.breaker_minutes;
    insert into crm_sync.breaker_minutes (breaker, minute, attempt_count, failure_count)
    select moved.breaker, moved.minute - p_by, moved.attempt_count, moved.failure_count from unnest(v_minutes) as moved;
end;
$$;

-- An empty ledger, the settings as they are installed.
create function chaos.reset()
returns void
language plpgsql
set session_replication_role = replica
as $$
begin
    delete from public.payments;
    delete from public.requests;
    delete from public.customers;
    delete from public.leads;
    delete from public.orders;
    delete from crm_sync.deliveries;
    delete from crm_sync.delivery_attempts;
    delete from crm_sync.envelopes;
    delete from crm_sync.capture_failures;
    delete from crm_sync.related_changes;
    delete from crm_sync.faults;
    delete from crm_sync.operations;
    delete from crm_sync.breaker_minutes;
    delete from crm_sync.breakers;
    insert into crm_sync.breakers (breaker) values ('monelec'), ('elementor'), ('function');
    update crm_sync.destinations
    set is_paused = false, max_deliveries_in_flight = 10000, rate_per_second = null, rate_tokens = 0, rate_at = null,
        last_delivered_at = null;
    update crm_sync.routes set last_delivered_at = null;
    update crm_sync.settings set is_running = true, max_posts_per_session = 1000;
    update crm_sync.attachments set attached_at = clock_timestamp() - interval '1 year';
    delete from net.http_request_queue;
    delete from net._http_response;
    delete from chaos.audited;
    update chaos.faults set ledger_refuses = false;
end;
$$;
