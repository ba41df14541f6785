-- Dispatch at commit: a deferred trigger on the rows that capture flagged; the first one of a destination does the work for
-- all. It finds the transaction's deliveries by their next_attempt_at, its start, and posts them in one envelope.
-- A session posts so often and no more: pooled ones live long, and each net.wake() leaves a callback with them.
-- Whatever stands in the way leaves them to the tick. It runs inside the application's commit: it must not fail it.

create function crm_sync._dispatch_at_commit()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp set lock_timeout = '200ms' set plan_cache_mode = 'force_generic_plan'
-- Plans live as long as a pooled session, and the first may be made over an empty ledger: by the index all the same.
set enable_seqscan = 'off' set jit = 'off'
as $$
declare
    v_dispatched text;
    v_posts      int;
    v_capacity   crm_sync.capacity;
begin
    v_dispatched := coalesce(current_setting('crm_sync.dispatched', true), '');
    -- Under repeatable read and serializable the snapshot is as old as the transaction: neither read nor post.
    if new.destination = any (string_to_array(v_dispatched, ' '))
        or current_setting('transaction_isolation') <> 'read committed'
        or current_setting('crm_sync.has_waited', true) = 'yes' then
        return null;
    end if;
    v_dispatched := set_config('crm_sync.dispatched', v_dispatched || ' ' || new.destination, true);
    v_posts := coalesce(nullif(current_setting('crm_sync.session_posts', true), '')::int, 0);
    v_capacity := crm_sync._capacity(new.destination, clock_timestamp());
    if v_capacity.at_commit and v_posts < v_capacity.posts_of_a_session then
        v_capacity.requests := 1;
        v_posts := v_posts + crm_sync._dispatch_keys(
            new.destination, crm_sync._keys_due_at(new.destination, new.next_attempt_at), v_capacity);
        v_posts := set_config('crm_sync.session_posts', v_posts::text, false);
    end if;
    return null;
exception when others then
    -- Who has waited for a lock once waits for no other in this transaction.
    if sqlstate = '55P03' then
        perform set_config('crm_sync.has_waited', 'yes', true);
    end if;
    perform crm_sync._note_fault('dispatch at commit', sqlstate, sqlerrm);
    return null;
end;
$$;

create constraint trigger dispatch_at_commit
after insert on crm_sync.deliveries
deferrable initially deferred
for each row
when (new.dispatch_at_commit)
execute function crm_sync._dispatch_at_commit();

create function crm_sync._keys_due_at(p_destination text, p_next_attempt_at timestamptz)
returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select array_agg(keys.ordering_key order by keys.first_id)
        from (
            select due.ordering_key, min(due.delivery_id) as first_id
            from (
                select deliveries.ordering_key, deliveries.delivery_id
                from crm_sync.deliveries
                where deliveries.destination = p_destination
                  and deliveries.status = 'pending' and not deliveries.is_parked and not deliveries.is_backfill
                  and deliveries.next_attempt_at = p_next_attempt_at
                order by deliveries.delivery_id
                limit 100
            ) as due
            group by due.ordering_key
        ) as keys
    );
end;
$$;

comment on function crm_sync._dispatch_at_commit() is
    'Posts the transaction''s own deliveries at its commit, if the way is free. Definer: the application''s roles have no rights in crm_sync, vault or net.';
comment on function crm_sync._keys_due_at(text, timestamptz) is 'Keys of the deliveries captured by the transaction that started then, in order of capture, 100 deliveries at most.';

revoke all on function crm_sync._dispatch_at_commit(), crm_sync._keys_due_at(text, timestamptz) from public;
