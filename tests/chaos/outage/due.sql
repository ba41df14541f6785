-- When the tick next has anything to do, if nothing is written meanwhile: at once while requests are under way, else when
-- a breaker may be probed or something is due behind a closed one. Null: never.

create function simulation.due_at()
returns timestamptz
language sql
stable
as $$
    select case
        when exists (select from crm_sync.envelopes where envelopes.status = 'in_flight')
          or exists (select from crm_sync.capture_failures)
          or exists (select from crm_sync.related_changes) then now()
        else (
            select min(greatest(
                own.open_until,
                of_function.open_until,
                case when own.state = 'closed' and of_function.state = 'closed' then waiting.next_attempt_at else now() end
            ))
            from crm_sync.destinations
            join crm_sync.breakers as own on own.breaker = destinations.destination
            join crm_sync.breakers as of_function on of_function.breaker = 'function'
            cross join lateral (
                select min(deliveries.next_attempt_at) as next_attempt_at
                from crm_sync.deliveries
                where deliveries.destination = destinations.destination
                  and deliveries.status = 'pending' and not deliveries.is_parked
            ) as waiting
            where waiting.next_attempt_at is not null and not destinations.is_paused
        )
    end;
$$;

-- All that the simulation asks between two steps.
create function simulation.look(out due_ms float8, out is_queued boolean, out in_flight int)
language sql
stable
as $$
    select extract(epoch from simulation.due_at())::float8 * 1000,
           exists (select from net.http_request_queue),
           coalesce((
               select max(flying.count)
               from (
                   select count(*)::int from crm_sync.deliveries where status = 'in_flight' group by destination
               ) as flying
           ), 0);
$$;

grant update on simulation.clock to postgres;
