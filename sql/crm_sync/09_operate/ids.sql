-- redeliver() and cancel() of one delivery, as a number: an operator types redeliver(4711). Beside those of an array Postgres
-- could not tell what '{1,2}' in quotes is meant to be, so that text has its own, too; of the three it takes that one.

create function crm_sync.redeliver(p_delivery_id bigint, p_force boolean default false, p_note text default null)
returns table (delivery_id bigint, redelivered boolean, reason text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query select * from crm_sync.redeliver(crm_sync._ids(p_delivery_id::text), p_force, p_note);
end;
$$;

create function crm_sync.redeliver(p_ids_as_text text, p_force boolean default false, p_note text default null)
returns table (delivery_id bigint, redelivered boolean, reason text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query select * from crm_sync.redeliver(crm_sync._ids(p_ids_as_text), p_force, p_note);
end;
$$;

create function crm_sync.cancel(p_delivery_id bigint, p_note text default null)
returns table (delivery_id bigint, cancelled boolean, reason text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query select * from crm_sync.cancel(crm_sync._ids(p_delivery_id::text), p_note);
end;
$$;

create function crm_sync.cancel(p_ids_as_text text, p_note text default null)
returns table (delivery_id bigint, cancelled boolean, reason text)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query select * from crm_sync.cancel(crm_sync._ids(p_ids_as_text), p_note);
end;
$$;

create function crm_sync._ids(p_ids text)
returns bigint[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return ('{' || btrim(p_ids, ' {}') || '}')::bigint[];
exception when data_exception then
    raise exception '"%" names no deliveries', p_ids
        using errcode = 'CS057', hint = 'By their ids: 4711, ''{4711,4712}'' or an array of them.';
end;
$$;

comment on function crm_sync.redeliver(bigint, boolean, text) is 'redeliver() of one delivery. Safe to repeat. Role: crm_sync_operator.';
comment on function crm_sync.redeliver(text, boolean, text) is
    'redeliver() of deliveries whose ids are given as text: ''4711'', ''{4711,4712}''. Safe to repeat. Role: crm_sync_operator. Error: CS057 the text is no ids.';
comment on function crm_sync.cancel(bigint, text) is 'cancel() of one delivery. Safe to repeat. Role: crm_sync_operator.';
comment on function crm_sync.cancel(text, text) is
    'cancel() of deliveries whose ids are given as text: ''4711'', ''{4711,4712}''. Safe to repeat. Role: crm_sync_operator. Error: CS057 the text is no ids.';
comment on function crm_sync._ids(text) is 'Ids of deliveries, given as text, with braces or without. Raises CS057.';

revoke all on function crm_sync.redeliver(bigint, boolean, text), crm_sync.redeliver(text, boolean, text),
    crm_sync.cancel(bigint, text), crm_sync.cancel(text, text), crm_sync._ids(text) from public;
grant execute on function crm_sync.redeliver(bigint, boolean, text), crm_sync.redeliver(text, boolean, text),
    crm_sync.cancel(bigint, text), crm_sync.cancel(text, text) to crm_sync_operator;
